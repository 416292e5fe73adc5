/* SPDX-License-Identifier: ISC */
/*
 * http/page_text_de.c - the words of the pages for people: German, polite form, Sie
 */
#include "http/page_text.h"

/* clang-format off */
const struct page_language page_text_de = {
	.reference = "Kennung für Rückfragen",
	.back = "Zurück zur vorigen Seite",
	.home = "Zur Startseite",
	.look = "Jetzt nachsehen, ob das Ergebnis da ist",
	.details = "Angaben für Programmierer",
	.messages = {
		[PAGE_FORM] = {
			"Dieses Formular konnte nicht angenommen werden",
			"Die Seite hat etwas nicht mitgeschickt, was diese Website benötigt. "
			"Es wurde nichts ausgeführt.",
			"Gehen Sie zurück, laden Sie das Formular neu und senden Sie es noch einmal ab. "
			"Wenn das nicht hilft, wenden Sie sich bitte an den Betreiber dieser Website."},
		[PAGE_UNREADABLE] = {
			"Ihre Eingabe konnte nicht gelesen werden",
			"Diese Website konnte mit dem, was Sie eben gesendet haben, nichts anfangen und hat es "
			"nicht ausgeführt.",
			"Gehen Sie zurück und prüfen Sie Ihre Angaben. "
			"Falls Sie sie schon einmal gesendet haben, klären Sie zuerst, was daraus geworden ist. "
			"Wenn diese Seite wieder erscheint, wenden Sie sich bitte an den Betreiber dieser Website."},
		[PAGE_INCOMPLETE] = {
			"Ihre Eingabe ist nicht vollständig angekommen",
			"Die Verbindung ist abgebrochen, bevor alles angekommen war. "
			"Was Sie eben gesendet haben, wurde nicht ausgeführt.",
			"Bitte laden Sie diese Seite neu. "
			"Wenn Ihr Browser fragt, ob die Daten erneut gesendet werden sollen, bestätigen Sie das."},
		[PAGE_TOO_LARGE] = {
			"Ihre Eingabe ist zu groß",
			"Sie ist größer, als diese Website annimmt. "
			"Es wurde nichts ausgeführt.",
			"Gehen Sie zurück, wählen Sie eine kleinere Datei oder kürzen Sie Ihren Text, und senden "
			"Sie das Formular noch einmal ab."},
		[PAGE_REUSED] = {
			"Dieses Formular wurde schon einmal gesendet",
			"Damals hatte es einen anderen Inhalt. "
			"Was Sie eben gesendet haben, wurde nicht ausgeführt, und an dem, was Sie zuerst gesendet "
			"haben, hat sich nichts geändert.",
			"Prüfen Sie zuerst, was daraus geworden ist. "
			"Nur wenn Sie auch den neuen Inhalt senden möchten, öffnen Sie das Formular neu, füllen "
			"Sie es aus und senden Sie es ab."},
		[PAGE_IN_PROGRESS] = {
			"Der Vorgang läuft noch",
			"Sie haben dies schon gesendet, und es wird gerade ausgeführt. "
			"Es wurde nicht ein zweites Mal begonnen.",
			"Bitte warten Sie einen Moment und laden Sie dann diese Seite neu. "
			"Wenn Ihr Browser fragt, ob die Daten erneut gesendet werden sollen, bestätigen Sie das. "
			"Füllen Sie das Formular nicht neu aus: Der Vorgang könnte doppelt ausgeführt werden."},
		[PAGE_OTHER_PRINCIPAL] = {
			"Dies wurde schon einmal gesendet",
			"Dasselbe wurde schon einmal gesendet, aber mit einer anderen Anmeldung. "
			"Was Sie eben gesendet haben, wurde nicht ausgeführt, und das frühere Ergebnis wird hier "
			"nicht gezeigt.",
			"Bitte senden Sie es nicht noch einmal: Der Vorgang könnte doppelt ausgeführt werden. "
			"Wenn Sie es selbst waren, melden Sie sich wie damals an und laden Sie diese Seite neu. "
			"Andernfalls fragen Sie den Betreiber dieser Website."},
		[PAGE_EXPIRED] = {
			"Dies wurde bereits ausgeführt",
			"Was Sie gesendet haben, wurde verarbeitet, aber die Antwort liegt hier nicht mehr vor. "
			"Es wurde kein zweites Mal ausgeführt.",
			"Bitte senden Sie es nicht noch einmal. "
			"Suchen Sie nach einer Bestätigung, zum Beispiel in Ihren E-Mails oder in Ihrem Konto, "
			"oder fragen Sie den Betreiber dieser Website."},
		[PAGE_UNCERTAIN] = {
			"Es ist nicht bekannt, ob dies ausgeführt wurde",
			"Was Sie gesendet haben, wurde begonnen, aber diese Website kann nicht feststellen, ob es "
			"abgeschlossen wurde.",
			"Bitte senden Sie es nicht noch einmal: Der Vorgang könnte doppelt ausgeführt werden. "
			"Prüfen Sie, ob er wirksam geworden ist, zum Beispiel in Ihren E-Mails oder in Ihrem "
			"Konto, oder fragen Sie den Betreiber dieser Website."},
		[PAGE_FAILED] = {
			"Etwas ist schiefgegangen",
			"Bei der Ausführung ist ein Fehler aufgetreten. "
			"Der Vorgang wurde möglicherweise ganz, teilweise oder gar nicht ausgeführt.",
			"Bitte senden Sie es nicht noch einmal: Der Vorgang könnte doppelt ausgeführt werden. "
			"Prüfen Sie, ob er wirksam geworden ist, zum Beispiel in Ihren E-Mails oder in Ihrem "
			"Konto, oder fragen Sie den Betreiber dieser Website."},
		[PAGE_TIMEOUT] = {
			"Dies hat zu lange gedauert",
			"Der Vorgang wurde angehalten, bevor er fertig war. "
			"Er wurde möglicherweise ganz, teilweise oder gar nicht ausgeführt.",
			"Bitte senden Sie es nicht noch einmal: Der Vorgang könnte doppelt ausgeführt werden. "
			"Prüfen Sie, ob er wirksam geworden ist, zum Beispiel in Ihren E-Mails oder in Ihrem "
			"Konto, oder fragen Sie den Betreiber dieser Website."},
		[PAGE_MISSING] = {
			"Unter dieser Adresse gibt es nichts",
			"Diese Website hat hier nichts, was antworten könnte. "
			"Falls Sie eben etwas gesendet haben, wurde es nicht ausgeführt.",
			"Prüfen Sie die Adresse oder gehen Sie zurück. "
			"Wenn ein Link oder ein Formular dieser Website Sie hierher geführt hat, sagen Sie bitte "
			"ihrem Betreiber Bescheid."},
		[PAGE_CONFIGURATION] = {
			"Diese Website ist nicht richtig eingerichtet",
			"Wegen eines Fehlers in ihrer Einrichtung kann diese Website nicht arbeiten. "
			"Was Sie eben gesendet haben, wurde nicht ausgeführt.",
			"Bitte sagen Sie dem Betreiber dieser Website Bescheid. "
			"Solange der Fehler nicht behoben ist, hilft ein weiterer Versuch nicht."},
		[PAGE_BUSY] = {
			"Dies ist im Moment nicht möglich",
			"Diese Website ist überlastet oder wird gewartet. "
			"Was Sie eben gesendet haben, wurde nicht ausgeführt.",
			"Bitte warten Sie einen Moment und laden Sie dann diese Seite neu. "
			"Wenn Ihr Browser fragt, ob die Daten erneut gesendet werden sollen, bestätigen Sie das."},
		[PAGE_DUPLICATE] = {
			"Diese Angaben wurden schon verwendet",
			"Mit denselben Angaben, zum Beispiel derselben E-Mail-Adresse, wurde schon einmal etwas "
			"gesendet. "
			"Was Sie eben gesendet haben, wurde nicht ausgeführt.",
			"Wenn Sie das selbst waren, prüfen Sie, was daraus geworden ist; ein weiterer Versuch "
			"ändert nichts. "
			"Andernfalls gehen Sie zurück und ändern Sie die Angaben."},
		[PAGE_UNKNOWN] = {
			"Dies ist nicht zu finden",
			"Diese Website findet hier kein Ergebnis von Ihnen. "
			"Vielleicht wird es nicht mehr aufbewahrt, oder Sie waren beim Absenden anders angemeldet.",
			"Wenn Sie auf ein Ergebnis warten, senden Sie bitte vorerst nichts noch einmal: Prüfen "
			"Sie zuerst, ob der Vorgang ausgeführt wurde, zum Beispiel in Ihren E-Mails oder in Ihrem "
			"Konto. "
			"Falls Sie sich abgemeldet haben, melden Sie sich wie vorher an und laden Sie diese Seite "
			"neu."},
		[PAGE_RELEASED] = {
			"Es wurde nichts ausgeführt",
			"Was Sie gesendet haben, wurde nicht ausgeführt. "
			"Es hat sich nichts geändert.",
			"Sie können es gefahrlos noch einmal senden: Gehen Sie zurück zum Formular und senden Sie "
			"es erneut ab."},
		[PAGE_ACCEPTED] = {
			"Der Vorgang läuft",
			"Was Sie gesendet haben, ist angekommen und wird gerade ausgeführt. "
			"Diese Seite zeigt das Ergebnis, sobald es da ist.",
			"Bitte warten Sie, und senden Sie es nicht noch einmal."},
	},
};
/* clang-format on */
