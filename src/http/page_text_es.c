/* SPDX-License-Identifier: ISC */
/*
 * http/page_text_es.c - the words of the pages for people: Spanish, usted
 */
#include "http/page_text.h"

/* clang-format off */
const struct page_language page_text_es = {
	.reference = "Referencia, por si necesita pedir ayuda",
	.back = "Volver a la página anterior",
	.home = "Ir a la página de inicio",
	.look = "Comprobar ahora si ya está el resultado",
	.details = "Información para programadores",
	.messages = {
		[PAGE_FORM] = {
			"No se ha podido aceptar este formulario",
			"La página no ha enviado un dato que este sitio web necesita. "
			"No se ha realizado nada.",
			"Vuelva atrás, recargue el formulario y envíelo de nuevo. "
			"Si esto no ayuda, avise al responsable de este sitio web."},
		[PAGE_UNREADABLE] = {
			"No se ha podido leer lo que ha enviado",
			"Este sitio web no ha podido interpretar lo que acaba de enviar y no lo ha realizado.",
			"Vuelva atrás y revise los datos. "
			"Si ya los había enviado antes, averigüe primero qué ocurrió con ellos. "
			"Si esta página vuelve a aparecer, avise al responsable de este sitio web."},
		[PAGE_INCOMPLETE] = {
			"Lo que ha enviado no ha llegado completo",
			"La conexión se interrumpió antes de que llegara todo. "
			"Lo que acaba de enviar no se ha realizado.",
			"Recargue esta página, por favor. "
			"Si su navegador pregunta si debe reenviar los datos, confírmelo."},
		[PAGE_TOO_LARGE] = {
			"Lo que ha enviado es demasiado grande",
			"Supera lo que este sitio web acepta. "
			"No se ha realizado nada.",
			"Vuelva atrás, elija un archivo más pequeño o acorte el texto y envíelo de nuevo."},
		[PAGE_REUSED] = {
			"Este formulario ya se había enviado",
			"Entonces tenía otro contenido. "
			"Lo que acaba de enviar no se ha realizado, y nada ha cambiado en lo que envió primero.",
			"Compruebe primero qué ocurrió con ello. "
			"Solo si desea enviar también el contenido nuevo, abra otra vez el formulario, rellénelo "
			"y envíelo."},
		[PAGE_IN_PROGRESS] = {
			"La operación todavía está en curso",
			"Usted ya ha enviado esto y se está realizando. "
			"No se ha iniciado por segunda vez.",
			"Espere un momento y recargue esta página. "
			"Si su navegador pregunta si debe reenviar los datos, confírmelo. "
			"No rellene el formulario de nuevo: la operación podría realizarse dos veces."},
		[PAGE_OTHER_PRINCIPAL] = {
			"Esto ya se había enviado",
			"Lo mismo se envió antes con otra sesión iniciada. "
			"Lo que acaba de enviar no se ha realizado, y el resultado anterior no se muestra aquí.",
			"Por favor, no lo envíe de nuevo: la operación podría realizarse dos veces. "
			"Si fue usted, inicie sesión como entonces y recargue esta página. "
			"Si no, consulte al responsable de este sitio web."},
		[PAGE_EXPIRED] = {
			"Esta operación ya se ha realizado",
			"Lo que envió se ha procesado, pero la respuesta ya no está disponible aquí. "
			"No se ha realizado por segunda vez.",
			"Por favor, no lo envíe de nuevo. "
			"Busque una confirmación, por ejemplo en su correo electrónico o en su cuenta, o consulte "
			"al responsable de este sitio web."},
		[PAGE_UNCERTAIN] = {
			"No se sabe si la operación se ha realizado",
			"Lo que envió se empezó a realizar, pero este sitio web no puede determinar si se completó.",
			"Por favor, no lo envíe de nuevo: la operación podría realizarse dos veces. "
			"Compruebe si ha tenido efecto, por ejemplo en su correo electrónico o en su cuenta, o "
			"consulte al responsable de este sitio web."},
		[PAGE_FAILED] = {
			"Algo ha salido mal",
			"Se ha producido un error durante la operación. "
			"Es posible que se haya realizado por completo, en parte o nada en absoluto.",
			"Por favor, no lo envíe de nuevo: la operación podría realizarse dos veces. "
			"Compruebe si ha tenido efecto, por ejemplo en su correo electrónico o en su cuenta, o "
			"consulte al responsable de este sitio web."},
		[PAGE_TIMEOUT] = {
			"La operación ha tardado demasiado",
			"Se detuvo antes de terminar. "
			"Es posible que se haya realizado por completo, en parte o nada en absoluto.",
			"Por favor, no lo envíe de nuevo: la operación podría realizarse dos veces. "
			"Compruebe si ha tenido efecto, por ejemplo en su correo electrónico o en su cuenta, o "
			"consulte al responsable de este sitio web."},
		[PAGE_MISSING] = {
			"No hay nada en esta dirección",
			"Este sitio web no tiene aquí nada que pueda responder. "
			"Si acaba de enviar algo, no se ha realizado.",
			"Revise la dirección o vuelva atrás. "
			"Si le ha traído aquí un enlace o un formulario de este sitio web, avise a su responsable."},
		[PAGE_CONFIGURATION] = {
			"Este sitio web no está bien configurado",
			"Un error de configuración impide que este sitio web funcione. "
			"Lo que acaba de enviar no se ha realizado.",
			"Avise al responsable de este sitio web, por favor. "
			"Mientras no se corrija el error, volver a intentarlo no servirá de nada."},
		[PAGE_BUSY] = {
			"No es posible en este momento",
			"Este sitio web está sobrecargado o en mantenimiento. "
			"Lo que acaba de enviar no se ha realizado.",
			"Espere un momento y recargue esta página. "
			"Si su navegador pregunta si debe reenviar los datos, confírmelo."},
		[PAGE_DUPLICATE] = {
			"Estos datos ya se han utilizado",
			"Ya se había enviado algo con los mismos datos, por ejemplo con la misma dirección de "
			"correo electrónico. "
			"Lo que acaba de enviar no se ha realizado.",
			"Si fue usted, compruebe qué ocurrió con ello; volver a intentarlo no cambia nada. "
			"Si no, vuelva atrás y cambie los datos."},
		[PAGE_UNKNOWN] = {
			"No se encuentra",
			"Este sitio web no encuentra aquí ningún resultado suyo. "
			"Puede que ya no se conserve, o que usted tuviera otra sesión iniciada cuando lo envió.",
			"Si espera un resultado, no envíe nada de nuevo por ahora: compruebe primero si la "
			"operación se realizó, por ejemplo en su correo electrónico o en su cuenta. "
			"Si ha cerrado la sesión, iníciela como antes y recargue esta página."},
		[PAGE_RELEASED] = {
			"No se ha realizado nada",
			"Lo que envió no se ha realizado. "
			"Nada ha cambiado.",
			"Puede enviarlo de nuevo con toda seguridad: vuelva al formulario y envíelo otra vez."},
		[PAGE_ACCEPTED] = {
			"La operación está en curso",
			"Lo que envió ha llegado y se está realizando. "
			"Esta página mostrará el resultado en cuanto esté disponible.",
			"Espere, por favor, y no lo envíe de nuevo."},
	},
};
/* clang-format on */
