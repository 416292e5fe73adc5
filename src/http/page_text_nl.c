/* SPDX-License-Identifier: ISC */
/*
 * http/page_text_nl.c - the words of the pages for people: Dutch, u
 */
#include "http/page_text.h"

/* clang-format off */
const struct page_language page_text_nl = {
	.reference = "Kenmerk, voor als u om hulp vraagt",
	.back = "Terug naar de vorige pagina",
	.home = "Naar de startpagina",
	.look = "Nu kijken of het resultaat er is",
	.details = "Gegevens voor programmeurs",
	.messages = {
		[PAGE_FORM] = {
			"Dit formulier kon niet worden aangenomen",
			"De pagina heeft iets niet meegestuurd wat deze website nodig heeft. "
			"Er is niets uitgevoerd.",
			"Ga terug, laad het formulier opnieuw en verzend het nog een keer. "
			"Als dat niet helpt, meld het dan aan de beheerder van deze website."},
		[PAGE_UNREADABLE] = {
			"Wat u hebt verzonden kon niet worden gelezen",
			"Deze website kon niets met wat u zojuist hebt verzonden en heeft het niet uitgevoerd.",
			"Ga terug en controleer uw invoer. "
			"Als u die al eerder had verzonden, zoek dan eerst uit wat daarmee is gebeurd. "
			"Als deze pagina terugkomt, meld het dan aan de beheerder van deze website."},
		[PAGE_INCOMPLETE] = {
			"Wat u hebt verzonden is niet volledig aangekomen",
			"De verbinding werd verbroken voordat alles was aangekomen. "
			"Wat u zojuist hebt verzonden, is niet uitgevoerd.",
			"Laad deze pagina opnieuw. "
			"Als uw browser vraagt of de gegevens opnieuw moeten worden verzonden, bevestig dat dan."},
		[PAGE_TOO_LARGE] = {
			"Wat u hebt verzonden is te groot",
			"Het is groter dan deze website aanneemt. "
			"Er is niets uitgevoerd.",
			"Ga terug, kies een kleiner bestand of maak uw tekst korter, en verzend het nog een keer."},
		[PAGE_REUSED] = {
			"Dit formulier is al eerder verzonden",
			"De inhoud was toen anders. "
			"Wat u zojuist hebt verzonden, is niet uitgevoerd, en aan wat u eerst hebt verzonden is "
			"niets veranderd.",
			"Controleer eerst wat daarmee is gebeurd. "
			"Alleen als u ook de nieuwe inhoud wilt verzenden: open het formulier opnieuw, vul het in "
			"en verzend het."},
		[PAGE_IN_PROGRESS] = {
			"Dit wordt nog uitgevoerd",
			"U hebt dit al verzonden en het wordt nu uitgevoerd. "
			"Het is niet een tweede keer gestart.",
			"Wacht even en laad deze pagina dan opnieuw. "
			"Als uw browser vraagt of de gegevens opnieuw moeten worden verzonden, bevestig dat dan. "
			"Vul het formulier niet opnieuw in: het zou twee keer kunnen worden uitgevoerd."},
		[PAGE_OTHER_PRINCIPAL] = {
			"Dit is al eerder verzonden",
			"Hetzelfde is al eerder verzonden, maar met een andere aanmelding. "
			"Wat u zojuist hebt verzonden, is niet uitgevoerd, en het eerdere resultaat wordt hier "
			"niet getoond.",
			"Verzend het niet nog een keer: het zou twee keer kunnen worden uitgevoerd. "
			"Als u het zelf was, meld u dan aan zoals toen en laad deze pagina opnieuw. "
			"Neem anders contact op met de beheerder van deze website."},
		[PAGE_EXPIRED] = {
			"Dit is al uitgevoerd",
			"Wat u hebt verzonden is verwerkt, maar het antwoord is hier niet meer beschikbaar. "
			"Het is niet een tweede keer uitgevoerd.",
			"Verzend het niet nog een keer. "
			"Zoek een bevestiging, bijvoorbeeld in uw e-mail of in uw account, of neem contact op met "
			"de beheerder van deze website."},
		[PAGE_UNCERTAIN] = {
			"Het is niet bekend of dit is uitgevoerd",
			"Wat u hebt verzonden is gestart, maar deze website kan niet vaststellen of het is "
			"voltooid.",
			"Verzend het niet nog een keer: het zou twee keer kunnen worden uitgevoerd. "
			"Controleer of het effect heeft gehad, bijvoorbeeld in uw e-mail of in uw account, of "
			"neem contact op met de beheerder van deze website."},
		[PAGE_FAILED] = {
			"Er is iets misgegaan",
			"Tijdens de uitvoering is een fout opgetreden. "
			"Het kan volledig, gedeeltelijk of helemaal niet zijn uitgevoerd.",
			"Verzend het niet nog een keer: het zou twee keer kunnen worden uitgevoerd. "
			"Controleer of het effect heeft gehad, bijvoorbeeld in uw e-mail of in uw account, of "
			"neem contact op met de beheerder van deze website."},
		[PAGE_TIMEOUT] = {
			"Dit duurde te lang",
			"Het is gestopt voordat het klaar was. "
			"Het kan volledig, gedeeltelijk of helemaal niet zijn uitgevoerd.",
			"Verzend het niet nog een keer: het zou twee keer kunnen worden uitgevoerd. "
			"Controleer of het effect heeft gehad, bijvoorbeeld in uw e-mail of in uw account, of "
			"neem contact op met de beheerder van deze website."},
		[PAGE_MISSING] = {
			"Op dit adres is niets te vinden",
			"Deze website heeft hier niets dat kan antwoorden. "
			"Als u zojuist iets hebt verzonden, is het niet uitgevoerd.",
			"Controleer het adres of ga terug. "
			"Als een link of een formulier van deze website u hierheen heeft gebracht, meld het dan "
			"aan de beheerder."},
		[PAGE_CONFIGURATION] = {
			"Deze website is niet goed ingesteld",
			"Door een fout in de instellingen kan deze website niet werken. "
			"Wat u zojuist hebt verzonden, is niet uitgevoerd.",
			"Meld het aan de beheerder van deze website. "
			"Zolang de fout niet is verholpen, helpt een nieuwe poging niet."},
		[PAGE_BUSY] = {
			"Dit is op dit moment niet mogelijk",
			"Deze website is overbelast of in onderhoud. "
			"Wat u zojuist hebt verzonden, is niet uitgevoerd.",
			"Wacht even en laad deze pagina dan opnieuw. "
			"Als uw browser vraagt of de gegevens opnieuw moeten worden verzonden, bevestig dat dan."},
		[PAGE_DUPLICATE] = {
			"Deze gegevens zijn al gebruikt",
			"Er is al eerder iets verzonden met dezelfde gegevens, bijvoorbeeld met hetzelfde "
			"e-mailadres. "
			"Wat u zojuist hebt verzonden, is niet uitgevoerd.",
			"Als u dat zelf was, controleer dan wat daarmee is gebeurd; een nieuwe poging verandert "
			"niets. "
			"Ga anders terug en wijzig de gegevens."},
		[PAGE_UNKNOWN] = {
			"Dit is niet te vinden",
			"Deze website vindt hier geen resultaat van u. "
			"Misschien wordt het niet meer bewaard, of was u anders aangemeld toen u het verzond.",
			"Als u op een resultaat wacht, verzend dan voorlopig niets nog een keer: controleer eerst "
			"of het is uitgevoerd, bijvoorbeeld in uw e-mail of in uw account. "
			"Als u bent afgemeld, meld u dan aan zoals eerst en laad deze pagina opnieuw."},
		[PAGE_RELEASED] = {
			"Er is niets uitgevoerd",
			"Wat u hebt verzonden, is niet uitgevoerd. "
			"Er is niets veranderd.",
			"U kunt het veilig nog een keer verzenden: ga terug naar het formulier en verzend het "
			"opnieuw."},
		[PAGE_ACCEPTED] = {
			"Dit wordt uitgevoerd",
			"Wat u hebt verzonden, is aangekomen en wordt nu uitgevoerd. "
			"Deze pagina toont het resultaat zodra het er is.",
			"Wacht even en verzend het niet nog een keer."},
	},
};
/* clang-format on */
