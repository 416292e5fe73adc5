/* SPDX-License-Identifier: ISC */
/*
 * http/page_text_it.c - the words of the pages for people: Italian, impersonal
 */
#include "http/page_text.h"

/* clang-format off */
const struct page_language page_text_it = {
	.reference = "Riferimento da indicare se si chiede assistenza",
	.back = "Torna alla pagina precedente",
	.home = "Vai alla pagina iniziale",
	.look = "Controlla ora se il risultato è disponibile",
	.details = "Dettagli per programmatori",
	.messages = {
		[PAGE_FORM] = {
			"Non è stato possibile accettare questo modulo",
			"La pagina non ha inviato un dato di cui questo sito ha bisogno. "
			"Non è stato eseguito nulla.",
			"Tornare indietro, ricaricare il modulo e inviarlo di nuovo. "
			"Se il problema rimane, si prega di avvisare il gestore di questo sito."},
		[PAGE_UNREADABLE] = {
			"Non è stato possibile leggere l’invio",
			"Questo sito non è riuscito a interpretare ciò che è stato appena inviato e non lo ha "
			"eseguito.",
			"Tornare indietro e controllare i dati inseriti. "
			"Se erano già stati inviati in precedenza, verificare prima che cosa ne è stato. "
			"Se questa pagina ricompare, si prega di avvisare il gestore di questo sito."},
		[PAGE_INCOMPLETE] = {
			"L’invio non è arrivato completo",
			"La connessione si è interrotta prima che arrivasse tutto. "
			"Ciò che è stato appena inviato non è stato eseguito.",
			"Si prega di ricaricare questa pagina. "
			"Se il browser chiede se inviare di nuovo i dati, confermare."},
		[PAGE_TOO_LARGE] = {
			"L’invio è troppo grande",
			"Supera ciò che questo sito accetta. "
			"Non è stato eseguito nulla.",
			"Tornare indietro, scegliere un file più piccolo o accorciare il testo e inviare di nuovo "
			"il modulo."},
		[PAGE_REUSED] = {
			"Questo modulo era già stato inviato",
			"Allora il contenuto era diverso. "
			"Ciò che è stato appena inviato non è stato eseguito, e nulla è cambiato per il primo "
			"invio.",
			"Verificare prima che cosa ne è stato. "
			"Solo se si desidera inviare anche il nuovo contenuto, aprire di nuovo il modulo, "
			"compilarlo e inviarlo."},
		[PAGE_IN_PROGRESS] = {
			"L’operazione è ancora in corso",
			"Questa richiesta è già stata inviata ed è in corso di esecuzione. "
			"Non è stata avviata una seconda volta.",
			"Attendere un momento, poi ricaricare questa pagina. "
			"Se il browser chiede se inviare di nuovo i dati, confermare. "
			"Non compilare di nuovo il modulo: l’operazione potrebbe essere eseguita due volte."},
		[PAGE_OTHER_PRINCIPAL] = {
			"Questa richiesta era già stata inviata",
			"La stessa richiesta era già stata inviata con un altro accesso. "
			"Ciò che è stato appena inviato non è stato eseguito, e il risultato precedente non viene "
			"mostrato qui.",
			"Si prega di non inviarla di nuovo: l’operazione potrebbe essere eseguita due volte. "
			"Se l’invio precedente era il proprio, accedere come allora e ricaricare questa pagina. "
			"Altrimenti rivolgersi al gestore di questo sito."},
		[PAGE_EXPIRED] = {
			"Questa operazione è già stata eseguita",
			"L’invio è stato elaborato, ma la risposta non è più disponibile qui. "
			"Non è stato eseguito una seconda volta.",
			"Si prega di non inviarlo di nuovo. "
			"Cercare una conferma, per esempio nella posta elettronica o nel proprio account, oppure "
			"rivolgersi al gestore di questo sito."},
		[PAGE_UNCERTAIN] = {
			"Non si sa se l’operazione è stata eseguita",
			"L’esecuzione di ciò che è stato inviato è iniziata, ma questo sito non può stabilire se "
			"è stata completata.",
			"Si prega di non inviarlo di nuovo: l’operazione potrebbe essere eseguita due volte. "
			"Verificare se ha avuto effetto, per esempio nella posta elettronica o nel proprio "
			"account, oppure rivolgersi al gestore di questo sito."},
		[PAGE_FAILED] = {
			"Qualcosa è andato storto",
			"Si è verificato un errore durante l’esecuzione. "
			"L’operazione potrebbe essere stata eseguita del tutto, in parte o per niente.",
			"Si prega di non inviarla di nuovo: l’operazione potrebbe essere eseguita due volte. "
			"Verificare se ha avuto effetto, per esempio nella posta elettronica o nel proprio "
			"account, oppure rivolgersi al gestore di questo sito."},
		[PAGE_TIMEOUT] = {
			"L’operazione ha richiesto troppo tempo",
			"È stata interrotta prima della fine. "
			"Potrebbe essere stata eseguita del tutto, in parte o per niente.",
			"Si prega di non inviarla di nuovo: l’operazione potrebbe essere eseguita due volte. "
			"Verificare se ha avuto effetto, per esempio nella posta elettronica o nel proprio "
			"account, oppure rivolgersi al gestore di questo sito."},
		[PAGE_MISSING] = {
			"A questo indirizzo non c’è nulla",
			"Questo sito non ha nulla qui che possa rispondere. "
			"Se è stato appena inviato qualcosa, non è stato eseguito.",
			"Controllare l’indirizzo o tornare indietro. "
			"Se un link o un modulo di questo sito porta a questa pagina, si prega di avvisare il "
			"gestore."},
		[PAGE_CONFIGURATION] = {
			"Questo sito non è configurato correttamente",
			"Un errore di configurazione impedisce a questo sito di funzionare. "
			"Ciò che è stato appena inviato non è stato eseguito.",
			"Si prega di avvisare il gestore di questo sito. "
			"Finché l’errore non viene corretto, riprovare non serve."},
		[PAGE_BUSY] = {
			"Al momento non è possibile",
			"Questo sito è sovraccarico o in manutenzione. "
			"Ciò che è stato appena inviato non è stato eseguito.",
			"Attendere un momento, poi ricaricare questa pagina. "
			"Se il browser chiede se inviare di nuovo i dati, confermare."},
		[PAGE_DUPLICATE] = {
			"Questi dati sono già stati usati",
			"Era già stato inviato qualcosa con gli stessi dati, per esempio con lo stesso indirizzo "
			"e-mail. "
			"Ciò che è stato appena inviato non è stato eseguito.",
			"Se l’invio precedente era il proprio, verificare che cosa ne è stato; riprovare non "
			"cambia nulla. "
			"Altrimenti tornare indietro e modificare i dati."},
		[PAGE_UNKNOWN] = {
			"Non trovato",
			"Questo sito non trova qui alcun risultato corrispondente. "
			"Forse non è più conservato, oppure al momento dell’invio l’accesso era diverso.",
			"Se si attende un risultato, per ora si prega di non inviare nulla di nuovo: verificare "
			"prima se l’operazione è stata eseguita, per esempio nella posta elettronica o nel "
			"proprio account. "
			"Dopo un’uscita, accedere come prima e ricaricare questa pagina."},
		[PAGE_RELEASED] = {
			"Non è stato eseguito nulla",
			"Ciò che è stato inviato non è stato eseguito. "
			"Non è cambiato nulla.",
			"È possibile inviarlo di nuovo senza rischi: tornare al modulo e inviarlo ancora una volta."},
		[PAGE_ACCEPTED] = {
			"L’operazione è in corso",
			"L’invio è arrivato ed è in corso di esecuzione. "
			"Questa pagina mostrerà il risultato appena sarà disponibile.",
			"Si prega di attendere e di non inviarlo di nuovo."},
	},
};
/* clang-format on */
