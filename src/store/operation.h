/* SPDX-License-Identifier: ISC */
/*
 * store/operation.h - what a store remembers: an operation, its response, its request
 *
 * The same for every engine.
 */
#ifndef RETRYSAFE_STORE_OPERATION_H
#define RETRYSAFE_STORE_OPERATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define IDENTITY_LEN    16 /* bytes: keyed digest of place, scope and key */
#define IDENTITY_SHOWN  6  /* bytes of it that people see */
#define FINGERPRINT_LEN 32 /* bytes: keyed digest of what was asked */
#define PRINCIPAL_LEN   16 /* bytes: keyed digest of the credentials; all zero: none */
#define LOOKS_LEN       16 /* bytes: keyed digest of all that tells two people apart */
#define PLACE_LEN       16 /* bytes: keyed digest of site and address (gateway/site.h) */
#define NATURAL_LEN     16 /* bytes: keyed digest of a natural key */
#define TOKEN_LEN       16 /* bytes: random; its holder may move the operation on */
#define SECRET_LEN      32 /* bytes: the key of all digests, made with the store */
#define REF_LEN         32 /* characters of a ref: 32 lower-case hexadecimal digits */
#define ROUTE_NAME_MAX  255
#define ADDRESS_MAX     255 /* bytes of a SCRIPT_NAME; of a longer one nothing is kept */
#define REASON_MAX      255

/* What each one means stands at the head of operation/claim.c. */
enum state {
	STATE_ABSENT = 0,
	/* 1 was meant for a state that no row ever had; it stays reserved. */
	STATE_RUNNING = 2,
	STATE_DONE,
	STATE_UNCERTAIN,
	STATE_EXPIRED,
	STATE__MAX
};

struct operation {
	int64_t id;    /* time-ordered, random at the end; with nonce it makes the ref */
	int64_t nonce; /* random */
	unsigned char identity[IDENTITY_LEN];
	unsigned char fingerprint[FINGERPRINT_LEN];
	unsigned char principal[PRINCIPAL_LEN];
	unsigned char looks[LOOKS_LEN]; /* of the caller that asked first */
	unsigned char place[PLACE_LEN];
	char route[ROUTE_NAME_MAX + 1]; /* its name when it was claimed: for listings */
	char address[ADDRESS_MAX + 1];  /* SCRIPT_NAME as routes see it; "" when longer */
	enum state state;
	int attempts;
	int64_t created_ms;
	int64_t updated_ms;
	int64_t expires_ms;   /* STATE_DONE: when its response is dropped; STATE_EXPIRED: when it is
				 forgotten; STATE_UNCERTAIN: as forgotten_ms; else 0 */
	int64_t forgotten_ms; /* STATE_DONE, STATE_EXPIRED: when the key is free again;
				 STATE_UNCERTAIN: the same, where there was a key_ttl_ms; else 0 */
	int64_t key_ttl_ms;   /* so long after it has become uncertain the key is free, and the
				 operation stays; for store_claim(); 0: not before it is settled */
	int status;           /* STATE_DONE, STATE_EXPIRED: HTTP status of the response */
	int64_t bytes;        /* bytes of its body */
	int exit_status; /* exit status of the script, or 128 + the signal that ended it; -1 not
			    known */
	char reason[REASON_MAX + 1]; /* why it is uncertain, or another remark; may be empty */

	/* While it runs: the evidence. */
	unsigned char token[TOKEN_LEN];
	int64_t witness;          /* see liveness_witness() */
	int64_t boot_id;          /* clock_boot_id() when it was claimed */
	int64_t deadline_mono_ms; /* clock_mono_us() / 1000 at which its end should have been
				     recorded, whatever happened */
};

/* The recorded response: what cgi/response.h made of a script's output. */
#define RESPONSE_INLINE_MAX (256 * 1024) /* bytes of a body that are kept with its head */
struct response {
	int status;
	char *head; /* see struct cgi_response; owned */
	size_t head_len;
	char *body; /* the first body_inline_len bytes of the body; owned */
	size_t body_inline_len;
	int64_t body_len; /* bytes of the whole body */
	bool is_kept;     /* false: the body was over max_response and is not in the store */
};
void response_free(struct response *r);

/* The ref of an operation as text: REF_LEN characters and a NUL. */
void operation_ref(const struct operation *op, char ref[REF_LEN + 1]);

/* "running" and so on; never NULL. */
const char *state_name(enum state s);

/* What store_save_request() kept. */
struct stored_request {
	char *variables; /* owned */
	size_t variables_len;
	char *body; /* owned */
	size_t body_len;
};
void stored_request_free(struct stored_request *r);

#endif
