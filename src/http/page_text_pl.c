/* SPDX-License-Identifier: ISC */
/*
 * http/page_text_pl.c - the words of the pages for people: Polish, impersonal
 */
#include "http/page_text.h"

/* clang-format off */
const struct page_language page_text_pl = {
	.reference = "Numer referencyjny na wypadek pytań",
	.back = "Wróć do poprzedniej strony",
	.home = "Przejdź do strony głównej",
	.look = "Sprawdź teraz, czy jest już wynik",
	.details = "Informacje dla programistów",
	.messages = {
		[PAGE_FORM] = {
			"Nie można było przyjąć tego formularza",
			"Strona nie przesłała danych, których ta witryna potrzebuje. "
			"Nic nie zostało wykonane.",
			"Proszę wrócić, ponownie wczytać formularz i wysłać go jeszcze raz. "
			"Jeśli to nie pomoże, proszę powiadomić operatora tej witryny."},
		[PAGE_UNREADABLE] = {
			"Nie można było odczytać przesłanych danych",
			"Ta witryna nie mogła zinterpretować tego, co właśnie zostało wysłane, i nie wykonała tego.",
			"Proszę wrócić i sprawdzić wprowadzone dane. "
			"Jeśli były już wcześniej wysłane, proszę najpierw ustalić, co się z nimi stało. "
			"Jeśli ta strona pojawi się ponownie, proszę powiadomić operatora tej witryny."},
		[PAGE_INCOMPLETE] = {
			"Przesłane dane nie dotarły w całości",
			"Połączenie zostało przerwane, zanim wszystko dotarło. "
			"To, co właśnie zostało wysłane, nie zostało wykonane.",
			"Proszę odświeżyć tę stronę. "
			"Jeśli przeglądarka zapyta, czy wysłać dane ponownie, proszę potwierdzić."},
		[PAGE_TOO_LARGE] = {
			"Przesłane dane są zbyt duże",
			"Przekraczają rozmiar, który ta witryna przyjmuje. "
			"Nic nie zostało wykonane.",
			"Proszę wrócić, wybrać mniejszy plik lub skrócić tekst i wysłać formularz jeszcze raz."},
		[PAGE_REUSED] = {
			"Ten formularz był już wysłany",
			"Miał wtedy inną treść. "
			"To, co właśnie zostało wysłane, nie zostało wykonane, a w pierwszym zgłoszeniu nic się "
			"nie zmieniło.",
			"Proszę najpierw sprawdzić, co się z nim stało. "
			"Tylko jeśli nowa treść również ma zostać wysłana, proszę otworzyć formularz na nowo, "
			"wypełnić go i wysłać."},
		[PAGE_IN_PROGRESS] = {
			"Operacja jest jeszcze w toku",
			"To zgłoszenie zostało już wysłane i jest właśnie wykonywane. "
			"Nie zostało rozpoczęte po raz drugi.",
			"Proszę chwilę poczekać, a potem odświeżyć tę stronę. "
			"Jeśli przeglądarka zapyta, czy wysłać dane ponownie, proszę potwierdzić. "
			"Proszę nie wypełniać formularza na nowo: operacja mogłaby zostać wykonana dwa razy."},
		[PAGE_OTHER_PRINCIPAL] = {
			"To zgłoszenie było już wysłane",
			"To samo zgłoszenie było już wysłane przy innym zalogowaniu. "
			"To, co właśnie zostało wysłane, nie zostało wykonane, a wcześniejszy wynik nie jest "
			"tutaj pokazywany.",
			"Proszę nie wysyłać go ponownie: operacja mogłaby zostać wykonana dwa razy. "
			"Jeśli to było własne zgłoszenie, proszę zalogować się tak jak wtedy i odświeżyć tę "
			"stronę. "
			"W przeciwnym razie proszę zwrócić się do operatora tej witryny."},
		[PAGE_EXPIRED] = {
			"Ta operacja została już wykonana",
			"Zgłoszenie zostało przetworzone, ale odpowiedź nie jest już tutaj dostępna. "
			"Nie zostało wykonane po raz drugi.",
			"Proszę nie wysyłać go ponownie. "
			"Proszę poszukać potwierdzenia, na przykład w poczcie e-mail lub na swoim koncie, albo "
			"zwrócić się do operatora tej witryny."},
		[PAGE_UNCERTAIN] = {
			"Nie wiadomo, czy operacja została wykonana",
			"Wykonywanie zgłoszenia rozpoczęło się, ale ta witryna nie może ustalić, czy zostało "
			"ukończone.",
			"Proszę nie wysyłać go ponownie: operacja mogłaby zostać wykonana dwa razy. "
			"Proszę sprawdzić, czy odniosła skutek, na przykład w poczcie e-mail lub na swoim koncie, "
			"albo zwrócić się do operatora tej witryny."},
		[PAGE_FAILED] = {
			"Coś poszło nie tak",
			"Podczas wykonywania wystąpił błąd. "
			"Operacja mogła zostać wykonana w całości, częściowo lub wcale.",
			"Proszę nie wysyłać zgłoszenia ponownie: operacja mogłaby zostać wykonana dwa razy. "
			"Proszę sprawdzić, czy odniosła skutek, na przykład w poczcie e-mail lub na swoim koncie, "
			"albo zwrócić się do operatora tej witryny."},
		[PAGE_TIMEOUT] = {
			"To trwało zbyt długo",
			"Operacja została zatrzymana przed zakończeniem. "
			"Mogła zostać wykonana w całości, częściowo lub wcale.",
			"Proszę nie wysyłać zgłoszenia ponownie: operacja mogłaby zostać wykonana dwa razy. "
			"Proszę sprawdzić, czy odniosła skutek, na przykład w poczcie e-mail lub na swoim koncie, "
			"albo zwrócić się do operatora tej witryny."},
		[PAGE_MISSING] = {
			"Pod tym adresem nic nie ma",
			"Ta witryna nie ma tu niczego, co mogłoby odpowiedzieć. "
			"Jeśli właśnie coś zostało wysłane, nie zostało wykonane.",
			"Proszę sprawdzić adres lub wrócić. "
			"Jeśli prowadzi tu odnośnik lub formularz tej witryny, proszę powiadomić jej operatora."},
		[PAGE_CONFIGURATION] = {
			"Ta witryna nie jest poprawnie skonfigurowana",
			"Błąd w konfiguracji uniemożliwia działanie tej witryny. "
			"To, co właśnie zostało wysłane, nie zostało wykonane.",
			"Proszę powiadomić operatora tej witryny. "
			"Dopóki błąd nie zostanie usunięty, kolejna próba nie pomoże."},
		[PAGE_BUSY] = {
			"W tej chwili nie jest to możliwe",
			"Ta witryna jest przeciążona lub trwają prace konserwacyjne. "
			"To, co właśnie zostało wysłane, nie zostało wykonane.",
			"Proszę chwilę poczekać, a potem odświeżyć tę stronę. "
			"Jeśli przeglądarka zapyta, czy wysłać dane ponownie, proszę potwierdzić."},
		[PAGE_DUPLICATE] = {
			"Te dane zostały już użyte",
			"Wcześniej wysłano już coś z tymi samymi danymi, na przykład z tym samym adresem e-mail. "
			"To, co właśnie zostało wysłane, nie zostało wykonane.",
			"Jeśli to było własne zgłoszenie, proszę sprawdzić, co się z nim stało; kolejna próba "
			"niczego nie zmieni. "
			"W przeciwnym razie proszę wrócić i zmienić dane."},
		[PAGE_UNKNOWN] = {
			"Nie znaleziono",
			"Ta witryna nie znajduje tutaj żadnego wyniku dla tego użytkownika. "
			"Być może nie jest już przechowywany albo zgłoszenie wysłano przy innym zalogowaniu.",
			"W razie oczekiwania na wynik proszę na razie niczego nie wysyłać ponownie: proszę "
			"najpierw sprawdzić, czy operacja została wykonana, na przykład w poczcie e-mail lub na "
			"swoim koncie. "
			"Po wylogowaniu proszę zalogować się tak jak wcześniej i odświeżyć tę stronę."},
		[PAGE_RELEASED] = {
			"Nic nie zostało wykonane",
			"To, co zostało wysłane, nie zostało wykonane. "
			"Nic się nie zmieniło.",
			"Można to bezpiecznie wysłać ponownie: proszę wrócić do formularza i wysłać go jeszcze raz."},
		[PAGE_ACCEPTED] = {
			"Operacja jest w toku",
			"Zgłoszenie dotarło i jest właśnie wykonywane. "
			"Ta strona pokaże wynik, gdy tylko będzie dostępny.",
			"Proszę czekać i nie wysyłać zgłoszenia ponownie."},
	},
};
/* clang-format on */
