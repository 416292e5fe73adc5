/* SPDX-License-Identifier: ISC */
/*
 * http/page_text_en.c - the words of the pages for people: English
 */
#include "http/page_text.h"

/* clang-format off */
const struct page_language page_text_en = {
	.reference = "Reference, in case you ask for help",
	.back = "Back to the previous page",
	.home = "To the home page",
	.look = "Check now whether the result is there",
	.details = "Details for programmers",
	.messages = {
		[PAGE_FORM] = {
			"This form could not be accepted",
			"The page did not send something that this website needs. "
			"Nothing was carried out.",
			"Go back, reload the form and send it again. "
			"If that does not help, please tell the operator of this website."},
		[PAGE_UNREADABLE] = {
			"What you sent could not be read",
			"This website could not make sense of what you sent just now, and did not carry it out.",
			"Go back and check what you entered. "
			"If you have sent it before, first find out what became of that. "
			"If this page keeps coming, please tell the operator of this website."},
		[PAGE_INCOMPLETE] = {
			"What you sent did not arrive completely",
			"The connection broke off before everything had arrived. "
			"What you sent just now was not carried out.",
			"Please reload this page. "
			"If your browser asks whether to send the data again, confirm."},
		[PAGE_TOO_LARGE] = {
			"What you sent is too large",
			"It is larger than this website accepts. "
			"Nothing was carried out.",
			"Go back, choose a smaller file or shorten your text, and send it again."},
		[PAGE_REUSED] = {
			"This form was already sent before",
			"It was sent with other contents then. "
			"What you sent just now was not carried out, and nothing has changed about what you sent "
			"first.",
			"First check what became of it. "
			"Only if you want the new contents as well, open the form anew, fill it in and send it."},
		[PAGE_IN_PROGRESS] = {
			"This is still being carried out",
			"You have already sent this, and it is being carried out. "
			"It was not started a second time.",
			"Please wait a moment, then reload this page. "
			"If your browser asks whether to send the data again, confirm. "
			"Do not fill in and send the form anew: it could be carried out twice."},
		[PAGE_OTHER_PRINCIPAL] = {
			"This was already sent before",
			"The same was sent before by someone who was signed in differently. "
			"What you sent just now was not carried out, and the earlier result is not shown here.",
			"Please do not send it again: it could be carried out twice. "
			"If it was you, sign in as you were then and reload this page. "
			"Otherwise ask the operator of this website."},
		[PAGE_EXPIRED] = {
			"This was already carried out",
			"What you sent has been processed, but the answer is no longer available here. "
			"It was not carried out a second time.",
			"Please do not send it again. "
			"Look for a confirmation, for example in your e-mail or in your account, or ask the "
			"operator of this website."},
		[PAGE_UNCERTAIN] = {
			"It is not known whether this was carried out",
			"What you sent was started, but this website cannot tell whether it was completed.",
			"Please do not send it again: it could be carried out twice. "
			"Check whether it took effect, for example in your e-mail or in your account, or ask the "
			"operator of this website."},
		[PAGE_FAILED] = {
			"Something went wrong",
			"An error occurred while this was being carried out. "
			"It may have been carried out completely, in part or not at all.",
			"Please do not send it again: it could be carried out twice. "
			"Check whether it took effect, for example in your e-mail or in your account, or ask the "
			"operator of this website."},
		[PAGE_TIMEOUT] = {
			"This took too long",
			"It was stopped before it was finished. "
			"It may have been carried out completely, in part or not at all.",
			"Please do not send it again: it could be carried out twice. "
			"Check whether it took effect, for example in your e-mail or in your account, or ask the "
			"operator of this website."},
		[PAGE_MISSING] = {
			"There is nothing at this address",
			"This website has nothing here that could answer. "
			"If you sent something just now, it was not carried out.",
			"Check the address, or go back. "
			"If a link or a form of this website led you here, please tell its operator."},
		[PAGE_CONFIGURATION] = {
			"This website is not set up correctly",
			"A mistake in its setup keeps this website from working. "
			"What you sent just now was not carried out.",
			"Please tell the operator of this website. "
			"Trying once more does not help until this is repaired."},
		[PAGE_BUSY] = {
			"This is not possible at the moment",
			"This website is busy or under maintenance. "
			"What you sent just now was not carried out.",
			"Please wait a moment, then reload this page. "
			"If your browser asks whether to send the data again, confirm."},
		[PAGE_DUPLICATE] = {
			"These details were already used",
			"Something was sent before with the same details, for example with the same e-mail "
			"address. "
			"What you sent just now was not carried out.",
			"If that was you, check what became of it; sending it once more changes nothing. "
			"Otherwise go back and change the details."},
		[PAGE_UNKNOWN] = {
			"This cannot be found",
			"This website finds no result of yours here. "
			"It may no longer be kept, or you were signed in differently when you sent it.",
			"If you are waiting for a result, please do not send anything again yet: check first "
			"whether it was carried out, for example in your e-mail or in your account. "
			"If you have signed out, sign in as before and reload this page."},
		[PAGE_RELEASED] = {
			"Nothing was carried out",
			"What you sent was not carried out. "
			"Nothing has changed.",
			"You can safely send it again: go back to the form and send it once more."},
		[PAGE_ACCEPTED] = {
			"This is being carried out",
			"What you sent has arrived and is being carried out. "
			"This page shows the result as soon as it is there.",
			"Please wait, and do not send it again."},
	},
};
/* clang-format on */
