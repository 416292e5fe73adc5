// SPDX-License-Identifier: ISC
// Opens pages in a real browser and looks at them as people with and without good eyes do.
//
//     look.mjs axe DIRECTORY [some]       axe-core, at both widths in both schemes, in TAP
//     look.mjs screenshots DIRECTORY OUT TYPE.LANGUAGE...
//     look.mjs press URL                  presses the button of the form at URL twice, and waits
//
// NODE_PATH has playwright-core and axe-core; BROWSER is the program of Chromium.
import { createRequire } from "node:module";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";

const require = createRequire(path.join(process.env.NODE_PATH, "x.js"));
const { chromium } = require("playwright-core");
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
const [what, directory, out, ...names] = process.argv.slice(2);
const widths = [360, 1280];
const schemes = ["light", "dark"];

const browser = await chromium.launch({
    executablePath: process.env.BROWSER, args: ["--no-sandbox", "--disable-gpu"],
});

async function open(width, scheme) {
    const context = await browser.newContext({
        viewport: { width, height: width < 500 ? 740 : 800 }, colorScheme: scheme,
    });
    return context.newPage();
}

const load = (page, name) => page.setContent(readFileSync(path.join(directory, name), "utf8"));

// What is wrong with a page at one width in one scheme, in words.
async function complaints(page, name, opened) {
    await load(page, name);
    if (opened) await page.evaluate(() => { document.querySelector("details").open = true; });
    await page.evaluate(axe);
    const found = await page.evaluate(async () => {
        const { violations, passes } = await globalThis.axe.run(document, { resultTypes: ["violations"] });
        return { violations, passes: passes.length,
            wide: document.documentElement.scrollWidth > document.documentElement.clientWidth };
    });
    const said = found.violations.map((v) => `${v.id}: ${v.help}: ${v.nodes[0].html}`);
    if (found.passes < 10) said.push(`only ${found.passes} rules of axe looked at anything`);
    if (found.wide) said.push("it has to be scrolled sideways");
    return said;
}

async function check() {
    // What differs in the operator's frame is the frame: two languages show it.
    const files = readdirSync(directory)
        .filter((f) => (out ? /\.(de|ja)\.html$/ : /\.html$/).test(f)).sort();
    let n = 0, failed = 0;
    const say = (said, name) => {
        console.log(`${said.length ? "not ok" : "ok"} ${++n} - ${name}`);
        for (const line of said) console.log(`# ${line}`);
        failed += said.length > 0;
    };
    // A page that is wrong in four ways: the looker sees that.
    const bad = await open(360, "light");
    await bad.setContent("<title></title><body style='width:2000px'><img src=x><p style='color:#ccc'>x");
    await bad.evaluate(axe);
    const seen = await bad.evaluate(async () => (await globalThis.axe.run()).violations.map((v) => v.id));
    say(["document-title", "html-has-lang", "image-alt"].filter((id) => !seen.includes(id)), "a bad page is noticed");
    for (const width of widths) {
        for (const scheme of schemes) {
            const page = await open(width, scheme);
            // Every page once with its details closed; each colour and width at least once per page.
            for (const [i, name] of files.entries()) {
                if ((i + widths.indexOf(width) + 2 * schemes.indexOf(scheme)) % 4) continue;
                say([...await complaints(page, name, false), ...await complaints(page, name, true)],
                    `${name}, ${width} pixels, ${scheme}`);
            }
            await page.context().close();
        }
    }
    console.log(`1..${n}`);
    return failed;
}

async function photograph() {
    for (const width of widths) {
        for (const scheme of schemes) {
            const page = await open(width, scheme);
            for (const name of names) {
                await load(page, `${name}.html`);
                await page.screenshot({ path: path.join(out, `${name}.${width}.${scheme}.png`) });
            }
            await page.context().close();
        }
    }
    return 0;
}

// As an impatient person does: the second press while the first one is under way.
async function press() {
    const context = await browser.newContext({ locale: "de-AT" });
    const page = await context.newPage();
    await page.goto(directory);
    // Not by page.click(), which would wait for the first answer.
    await page.evaluate(() => {
        const button = document.querySelector("button");
        button.click();
        setTimeout(() => button.click(), 1000);
    });
    await page.waitForSelector("details", { timeout: 90000 });
    const language = await page.getAttribute("html", "lang");
    console.log(`way back: ${await page.getAttribute("p:not(.do) > a:not([href*=_operation])", "href")}`);
    console.log(`waits: ${language} ${await page.textContent("h1")}`);
    await page.waitForFunction(() => !document.querySelector("details"), undefined, { timeout: 80000 });
    console.log(`ends: ${(await page.textContent("body")).trim()}`);
    return 0;
}

const failed = await { axe: check, screenshots: photograph, press }[what]();
await browser.close();
process.exit(failed ? 1 : 0);
