// SPDX-License-Identifier: ISC
//
// express.js - express with the express-idempotency middleware, as its README shows it
//
//   node express.js PORT EFFECTS_FILE
//
// One process, because its default store is the memory of the process.
const fs = require('fs');
const express = require('express');
const idempotency = require('express-idempotency');

const [port, effects] = process.argv.slice(2);
const app = express();
const body = {};

app.use(express.urlencoded({ extended: false }));
app.use(idempotency.idempotency());
app.post('/express/', (req, res) => {
    // The middleware has already answered when this is true.
    const service = idempotency.getSharedIdempotencyService();
    if (service.isHit(req)) {
        return;
    }
    const size = Number(Object.keys(req.query)[0] || 300);
    fs.appendFileSync(effects, '.');
    res.type('text/plain').send(body[size] = body[size] || 'x'.repeat(size));
});
app.listen(Number(port), '127.0.0.1');
