/* SPDX-License-Identifier: ISC */
/*
 * http/page_text_pt.c - the words of the pages for people: Portuguese, impersonal
 */
#include "http/page_text.h"

/* clang-format off */
const struct page_language page_text_pt = {
	.reference = "Referência, caso precise pedir ajuda",
	.back = "Voltar à página anterior",
	.home = "Ir para a página inicial",
	.look = "Verificar agora se o resultado já está disponível",
	.details = "Informações para programadores",
	.messages = {
		[PAGE_FORM] = {
			"Este formulário não pôde ser aceite",
			"A página não enviou um dado de que este site precisa. "
			"Nada foi executado.",
			"Volte atrás, recarregue o formulário e envie-o novamente. "
			"Se isso não ajudar, avise o responsável por este site."},
		[PAGE_UNREADABLE] = {
			"Não foi possível ler o que foi enviado",
			"Este site não conseguiu interpretar o que acabou de ser enviado e não o executou.",
			"Volte atrás e verifique os dados. "
			"Se já os tinha enviado antes, procure saber primeiro o que aconteceu com esse envio. "
			"Se esta página voltar a aparecer, avise o responsável por este site."},
		[PAGE_INCOMPLETE] = {
			"O que foi enviado não chegou completo",
			"A ligação foi interrompida antes de tudo chegar. "
			"O que acabou de ser enviado não foi executado.",
			"Recarregue esta página, por favor. "
			"Se o navegador perguntar se deve reenviar os dados, confirme."},
		[PAGE_TOO_LARGE] = {
			"O que foi enviado é demasiado grande",
			"Ultrapassa o que este site aceita. "
			"Nada foi executado.",
			"Volte atrás, escolha um ficheiro (arquivo) menor ou encurte o texto e envie novamente."},
		[PAGE_REUSED] = {
			"Este formulário já tinha sido enviado",
			"O conteúdo era então diferente. "
			"O que acabou de ser enviado não foi executado, e nada mudou no primeiro envio.",
			"Verifique primeiro o que aconteceu com esse envio. "
			"Só se quiser enviar também o novo conteúdo, abra o formulário de novo, preencha-o e "
			"envie-o."},
		[PAGE_IN_PROGRESS] = {
			"A operação ainda está em curso",
			"Isto já foi enviado e está a ser executado neste momento. "
			"Não foi iniciado uma segunda vez.",
			"Aguarde um momento e recarregue esta página. "
			"Se o navegador perguntar se deve reenviar os dados, confirme. "
			"Não preencha o formulário de novo: a operação poderia ser executada duas vezes."},
		[PAGE_OTHER_PRINCIPAL] = {
			"Isto já tinha sido enviado",
			"O mesmo já tinha sido enviado com outra sessão iniciada. "
			"O que acabou de ser enviado não foi executado, e o resultado anterior não é mostrado aqui.",
			"Não envie novamente, por favor: a operação poderia ser executada duas vezes. "
			"Se foi o próprio a enviar, inicie sessão como dessa vez e recarregue esta página. "
			"Caso contrário, contacte o responsável por este site."},
		[PAGE_EXPIRED] = {
			"Esta operação já foi executada",
			"O que foi enviado foi processado, mas a resposta já não está disponível aqui. "
			"Não foi executado uma segunda vez.",
			"Não envie novamente, por favor. "
			"Procure uma confirmação, por exemplo no seu e-mail ou na sua conta, ou contacte o "
			"responsável por este site."},
		[PAGE_UNCERTAIN] = {
			"Não se sabe se a operação foi executada",
			"A execução do que foi enviado começou, mas este site não consegue determinar se foi "
			"concluída.",
			"Não envie novamente, por favor: a operação poderia ser executada duas vezes. "
			"Verifique se teve efeito, por exemplo no seu e-mail ou na sua conta, ou contacte o "
			"responsável por este site."},
		[PAGE_FAILED] = {
			"Algo correu mal",
			"Ocorreu um erro durante a execução. "
			"A operação pode ter sido executada por completo, em parte ou não ter sido executada.",
			"Não envie novamente, por favor: a operação poderia ser executada duas vezes. "
			"Verifique se teve efeito, por exemplo no seu e-mail ou na sua conta, ou contacte o "
			"responsável por este site."},
		[PAGE_TIMEOUT] = {
			"A operação demorou demasiado",
			"Foi interrompida antes de terminar. "
			"Pode ter sido executada por completo, em parte ou não ter sido executada.",
			"Não envie novamente, por favor: a operação poderia ser executada duas vezes. "
			"Verifique se teve efeito, por exemplo no seu e-mail ou na sua conta, ou contacte o "
			"responsável por este site."},
		[PAGE_MISSING] = {
			"Não há nada neste endereço",
			"Este site não tem aqui nada que possa responder. "
			"Se acabou de enviar algo, não foi executado.",
			"Verifique o endereço ou volte atrás. "
			"Se foi um link ou um formulário deste site que o trouxe aqui, avise o responsável."},
		[PAGE_CONFIGURATION] = {
			"Este site não está configurado corretamente",
			"Um erro de configuração impede este site de funcionar. "
			"O que acabou de ser enviado não foi executado.",
			"Avise o responsável por este site, por favor. "
			"Enquanto o erro não for corrigido, tentar de novo não adianta."},
		[PAGE_BUSY] = {
			"De momento, isto não é possível",
			"Este site está sobrecarregado ou em manutenção. "
			"O que acabou de ser enviado não foi executado.",
			"Aguarde um momento e recarregue esta página. "
			"Se o navegador perguntar se deve reenviar os dados, confirme."},
		[PAGE_DUPLICATE] = {
			"Estes dados já foram utilizados",
			"Já tinha sido enviado algo com os mesmos dados, por exemplo com o mesmo endereço de "
			"e-mail. "
			"O que acabou de ser enviado não foi executado.",
			"Se foi o próprio a enviar, verifique o que aconteceu com esse envio; tentar de novo não "
			"altera nada. "
			"Caso contrário, volte atrás e altere os dados."},
		[PAGE_UNKNOWN] = {
			"Não encontrado",
			"Este site não encontra aqui nenhum resultado seu. "
			"Talvez já não seja guardado, ou tinha outra sessão iniciada quando enviou.",
			"Se aguarda um resultado, não envie nada novamente por enquanto: verifique primeiro se a "
			"operação foi executada, por exemplo no seu e-mail ou na sua conta. "
			"Se terminou a sessão, inicie-a como antes e recarregue esta página."},
		[PAGE_RELEASED] = {
			"Nada foi executado",
			"O que foi enviado não foi executado. "
			"Nada mudou.",
			"Pode enviar novamente com toda a segurança: volte ao formulário e envie-o mais uma vez."},
		[PAGE_ACCEPTED] = {
			"A operação está em curso",
			"O que foi enviado chegou e está a ser executado. "
			"Esta página mostrará o resultado assim que estiver disponível.",
			"Aguarde, por favor, e não envie novamente."},
	},
};
/* clang-format on */
