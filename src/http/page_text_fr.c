/* SPDX-License-Identifier: ISC */
/*
 * http/page_text_fr.c - the words of the pages for people: French, vous
 */
#include "http/page_text.h"

/* clang-format off */
const struct page_language page_text_fr = {
	.reference = "Référence à indiquer si vous demandez de l’aide",
	.back = "Revenir à la page précédente",
	.home = "Aller à la page d’accueil",
	.look = "Vérifier maintenant si le résultat est disponible",
	.details = "Informations pour les développeurs",
	.messages = {
		[PAGE_FORM] = {
			"Ce formulaire n’a pas pu être accepté",
			"La page n’a pas transmis un élément dont ce site a besoin. "
			"Rien n’a été exécuté.",
			"Revenez en arrière, rechargez le formulaire et envoyez-le de nouveau. "
			"Si cela ne suffit pas, veuillez prévenir l’exploitant de ce site."},
		[PAGE_UNREADABLE] = {
			"Votre envoi n’a pas pu être lu",
			"Ce site n’a pas pu interpréter ce que vous venez d’envoyer et ne l’a pas exécuté.",
			"Revenez en arrière et vérifiez votre saisie. "
			"Si vous l’aviez déjà envoyée auparavant, cherchez d’abord à savoir ce qu’il en est "
			"advenu. "
			"Si cette page réapparaît, veuillez prévenir l’exploitant de ce site."},
		[PAGE_INCOMPLETE] = {
			"Votre envoi n’est pas arrivé en entier",
			"La connexion a été interrompue avant que tout soit arrivé. "
			"Ce que vous venez d’envoyer n’a pas été exécuté.",
			"Veuillez recharger cette page. "
			"Si votre navigateur demande s’il faut renvoyer les données, confirmez."},
		[PAGE_TOO_LARGE] = {
			"Votre envoi est trop volumineux",
			"Il dépasse ce que ce site accepte. "
			"Rien n’a été exécuté.",
			"Revenez en arrière, choisissez un fichier plus petit ou raccourcissez votre texte, puis "
			"envoyez le formulaire de nouveau."},
		[PAGE_REUSED] = {
			"Ce formulaire a déjà été envoyé",
			"Son contenu était alors différent. "
			"Ce que vous venez d’envoyer n’a pas été exécuté, et rien n’a changé pour votre premier "
			"envoi.",
			"Vérifiez d’abord ce qu’il en est advenu. "
			"Si vous souhaitez aussi envoyer le nouveau contenu, et seulement dans ce cas, ouvrez le "
			"formulaire à nouveau, remplissez-le et envoyez-le."},
		[PAGE_IN_PROGRESS] = {
			"L’opération est encore en cours",
			"Vous avez déjà envoyé cette demande et elle est en cours d’exécution. "
			"Elle n’a pas été lancée une seconde fois.",
			"Veuillez patienter un instant, puis recharger cette page. "
			"Si votre navigateur demande s’il faut renvoyer les données, confirmez. "
			"Ne remplissez pas le formulaire à nouveau : l’opération pourrait être exécutée deux fois."},
		[PAGE_OTHER_PRINCIPAL] = {
			"Cette demande a déjà été envoyée",
			"La même demande a déjà été envoyée, mais sous une autre connexion. "
			"Ce que vous venez d’envoyer n’a pas été exécuté, et le résultat précédent n’est pas "
			"affiché ici.",
			"Veuillez ne pas l’envoyer de nouveau : l’opération pourrait être exécutée deux fois. "
			"Si c’était vous, connectez-vous comme la première fois et rechargez cette page. "
			"Sinon, adressez-vous à l’exploitant de ce site."},
		[PAGE_EXPIRED] = {
			"Cette opération a déjà été exécutée",
			"Votre envoi a été traité, mais la réponse n’est plus disponible ici. "
			"Il n’a pas été exécuté une seconde fois.",
			"Veuillez ne pas l’envoyer de nouveau. "
			"Cherchez une confirmation, par exemple dans vos e-mails ou dans votre compte, ou "
			"adressez-vous à l’exploitant de ce site."},
		[PAGE_UNCERTAIN] = {
			"On ne sait pas si l’opération a été exécutée",
			"L’exécution de votre envoi a commencé, mais ce site ne peut pas déterminer si elle est "
			"allée jusqu’au bout.",
			"Veuillez ne pas l’envoyer de nouveau : l’opération pourrait être exécutée deux fois. "
			"Vérifiez si elle a pris effet, par exemple dans vos e-mails ou dans votre compte, ou "
			"adressez-vous à l’exploitant de ce site."},
		[PAGE_FAILED] = {
			"Un problème est survenu",
			"Une erreur s’est produite pendant l’exécution. "
			"L’opération a peut-être été exécutée entièrement, en partie ou pas du tout.",
			"Veuillez ne pas l’envoyer de nouveau : l’opération pourrait être exécutée deux fois. "
			"Vérifiez si elle a pris effet, par exemple dans vos e-mails ou dans votre compte, ou "
			"adressez-vous à l’exploitant de ce site."},
		[PAGE_TIMEOUT] = {
			"L’opération a pris trop de temps",
			"Elle a été arrêtée avant d’être terminée. "
			"Elle a peut-être été exécutée entièrement, en partie ou pas du tout.",
			"Veuillez ne pas l’envoyer de nouveau : l’opération pourrait être exécutée deux fois. "
			"Vérifiez si elle a pris effet, par exemple dans vos e-mails ou dans votre compte, ou "
			"adressez-vous à l’exploitant de ce site."},
		[PAGE_MISSING] = {
			"Il n’y a rien à cette adresse",
			"Ce site n’a rien ici qui puisse répondre. "
			"Si vous venez d’envoyer quelque chose, cela n’a pas été exécuté.",
			"Vérifiez l’adresse ou revenez en arrière. "
			"Si un lien ou un formulaire de ce site vous a conduit ici, veuillez prévenir son "
			"exploitant."},
		[PAGE_CONFIGURATION] = {
			"Ce site n’est pas configuré correctement",
			"Une erreur de configuration empêche ce site de fonctionner. "
			"Ce que vous venez d’envoyer n’a pas été exécuté.",
			"Veuillez prévenir l’exploitant de ce site. "
			"Tant que l’erreur n’est pas corrigée, un nouvel essai ne servira à rien."},
		[PAGE_BUSY] = {
			"Ce n’est pas possible pour le moment",
			"Ce site est surchargé ou en maintenance. "
			"Ce que vous venez d’envoyer n’a pas été exécuté.",
			"Veuillez patienter un instant, puis recharger cette page. "
			"Si votre navigateur demande s’il faut renvoyer les données, confirmez."},
		[PAGE_DUPLICATE] = {
			"Ces informations ont déjà été utilisées",
			"Une demande a déjà été envoyée avec les mêmes informations, par exemple avec la même "
			"adresse e-mail. "
			"Ce que vous venez d’envoyer n’a pas été exécuté.",
			"Si c’était vous, vérifiez ce qu’il en est advenu ; un nouvel essai n’y changera rien. "
			"Sinon, revenez en arrière et modifiez les informations."},
		[PAGE_UNKNOWN] = {
			"Introuvable",
			"Ce site ne trouve ici aucun résultat qui vous concerne. "
			"Il n’est peut-être plus conservé, ou bien vous étiez connecté autrement au moment de "
			"l’envoi.",
			"Si vous attendez un résultat, veuillez ne rien envoyer de nouveau pour l’instant : "
			"vérifiez d’abord si l’opération a été exécutée, par exemple dans vos e-mails ou dans "
			"votre compte. "
			"Si vous vous êtes déconnecté, reconnectez-vous comme avant et rechargez cette page."},
		[PAGE_RELEASED] = {
			"Rien n’a été exécuté",
			"Ce que vous avez envoyé n’a pas été exécuté. "
			"Rien n’a changé.",
			"Vous pouvez l’envoyer de nouveau sans risque : revenez au formulaire et envoyez-le "
			"encore une fois."},
		[PAGE_ACCEPTED] = {
			"L’opération est en cours",
			"Votre envoi est bien arrivé et il est en cours d’exécution. "
			"Cette page affichera le résultat dès qu’il sera disponible.",
			"Veuillez patienter et ne pas l’envoyer de nouveau."},
	},
};
/* clang-format on */
