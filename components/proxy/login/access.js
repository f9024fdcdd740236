// Placed by private-registry. A change made here is lost with the next release.
//
// Who may do what: the same for every stack, with what differs in values.js. nginx asks before every request. A right
// password is cached under an HMAC of it. The rights stand in the users file beside the password's hash, as
// `NAME:HASH:ACCESS REPOSITORY...`; a password that is still accepted besides belongs to `NAME~previous`, and what
// everybody may pull to `~anonymous`.

import hashing from 'crypto';
import fs from 'fs';
import querystring from 'querystring';

import values from './values.js';

const REGISTRY = values.registry;
const ALIASES = values.aliases || {};
const USERS = values.users;
const LOGIN = values.login;
const TOKEN_KEY = values.tokenKey;
const DRAINED = values.drained;
const HEALTH = values.health;
const REPOSITORY = new RegExp(`^${values.repository}$`);
const COSTS = values.costs;
const CACHES = values.caches || [];
const ANONYMOUS = '~anonymous';
const LEVELS = {pull: 1, push: 2, delete: 3, admin: 3};

const KNOWN_MS = 43200000;       // how long a right password is cached when nobody uses it
const RENEW_MS = 300000;         // how often the use of one is written down
const CACHE_MS = 300000;         // how long a line of the users file or a wrong password is cached
const TOKEN_S = 300;
const GUESSES = 10;              // wrong passwords of a name from a network ...
const NETWORK_GUESSES = 100;     // ... and of all names from there ...
const GUESSES_MS = 60000;        // ... until none was made for this long
const LOCKED_MS = 3000;          // what each costs from then on, one at a time
const CHECKS = 8;                // how many passwords from one network are checked together, each of another name
const WAITING = 16;              // how many wait there, from a network with too many wrong ones ...
const NETWORK_WAITING = 100;     // ... from any ...
const ALL_WAITING = 300;         // ... and from all: each takes memory
const REFUSAL_MS = 1000;         // a wrong password gets its answer after this time or a multiple, whatever was wrong
const TURN_MS = 10000;           // how long one waits for a turn
const TURN_ENDS_MS = 60000;      // when it comes free after a crash
const WAITING_MS = 30000;
const OUTAGE_MS = 3000;          // while the login's container is replaced
const PAUSE_MS = 20;

const MANIFESTS = [
    'application/vnd.docker.distribution.manifest.list.v2+json',
    'application/vnd.docker.distribution.manifest.v2+json',
    'application/vnd.oci.image.index.v1+json',
    'application/vnd.oci.image.manifest.v1+json',
];

const REFUSALS = {
    LOGIN: [401, 'UNAUTHORIZED', 'log in to REGISTRY first: docker login REGISTRY'],
    WRONG: [401, 'UNAUTHORIZED', 'wrong user name or password, log in again: docker login REGISTRY'],
    EXPIRED: [401, 'UNAUTHORIZED', 'this token is not valid any more, request another one'],
    CACHE: [405, 'UNSUPPORTED', 'this is a cache of another registry, to which nothing can be pushed'],
    UPSTREAM: [403, 'DENIED', 'the upstream registry refuses this: no such repository, or a wrong login of the cache'],
    UNKNOWN: [404, 'MANIFEST_UNKNOWN', 'the upstream registry has no such image'],
    BUSY: [429, 'TOOMANYREQUESTS', 'the upstream registry takes no more requests of this cache at the moment'],
    SILENT: [503, 'UNAVAILABLE', 'the upstream registry does not answer, and this is not in the cache'],
    DENIED: [403, 'DENIED', 'this user is not allowed to do this here'],
    UNSUPPORTED: [404, 'UNSUPPORTED', 'the distribution specification knows no such request'],
    LOCKED: [429, 'TOOMANYREQUESTS', 'too many wrong passwords, try again in a minute'],
    UNAVAILABLE: [503, 'UNAVAILABLE', 'passwords cannot be checked at the moment, try again'],
};

// njs 0.8 gives a constant of a loop its first value again after `await`: what a loop waits for is declared outside.
function sleep(milliseconds) {
    return new Promise((done) => setTimeout(done, milliseconds));
}

// The server's own: it lives in nginx's memory alone, and outlives its reloads.
function hmacKey() {
    const secrets = ngx.shared.secrets;
    const known = secrets.get('secret');
    if (known !== undefined) {
        return known;
    }
    secrets.add('secret', Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString('hex'));
    return secrets.get('secret');
}

// The key that all servers of a registry have, where there are several: a file is in the place of another at any time.
function placedKey() {
    try {
        return fs.readFileSync(TOKEN_KEY, 'utf8').trim();
    } catch (error) {
        if (error.code !== 'ENOENT') {
            throw error;
        }
        return '';
    }
}

// By which tokens count; the first one signs. The server's own counts also where there is one for all, and that one also
// after it is gone: no token ends as servers come or go.
function tokenKeys() {
    const secrets = ngx.shared.secrets;
    const placed = placedKey();
    if (placed && secrets.get('placed') !== placed) {
        secrets.set('placed', placed);
    }
    return [placed, hmacKey(), secrets.get('placed')].filter((key) => key);
}

function hmac(text, key) {
    return hashing.createHmac('sha256', key || hmacKey()).update(text).digest('base64url');
}

// A zone that is full forgets nothing sooner, and caches nothing new.
function cache(zone, key, value, milliseconds) {
    try {
        ngx.shared[zone].set(key, value, milliseconds);
    } catch (error) {
        ngx.log(ngx.WARN, `${zone}: ${error.message}`);
    }
}

// A file that was put in the place of another is another one.
function version() {
    const file = fs.statSync(USERS);
    return `${file.ino} ${file.mtimeMs}`;
}

// ACCESS REPOSITORY..., and the hashes, with tabulators between them.
function lineOf(now, name) {
    const key = `${now} ${name}`;
    const known = ngx.shared.users.get(key);
    if (known !== undefined) {
        return known;
    }
    const found = findLine(fs.readFileSync(USERS, 'utf8').split('\n'), name);
    if (found) {
        cache('users', key, found, CACHE_MS);
    }
    return found;
}

function findLine(lines, name) {
    const own = lines.find((entry) => entry.startsWith(`${name}:`));
    if (!own) {
        return '';
    }
    const fields = own.split(':');
    const before = lines.find((entry) => entry.startsWith(`${name}~previous:`));
    return [fields[2], fields[1]].concat(before ? before.split(':')[1] : []).join('\t');
}

function findUser(name) {
    const now = version();
    const found = lineOf(now, name);
    return found ? parseUser(now, name, found) : null;
}

function parseUser(now, name, found) {
    const fields = found.split('\t');
    const rights = fields[0].split(' ');
    return {
        version: now, name: name, line: found,
        level: LEVELS[rights[0]], repositories: rights.slice(1), hashes: fields.slice(1),
    };
}

function covers(principal, repository) {
    return principal.repositories.some(
        (one) => one === '*' || one === repository || repository.startsWith(`${one}/`)
    );
}

// What everybody may pull, a user may pull too.
function canPull(principal, repository) {
    if (covers(principal, repository)) {
        return true;
    }
    const anonymous = findUser(ANONYMOUS);
    return anonymous !== null && covers(anonymous, repository);
}

// What the registry is asked in place of a POST: a mount reads another repository, and where the user may not, or where
// it is not plain which one, an upload begins as if none had been asked. The registry gets what was understood here and
// not what came, which it could read in another way. What nginx calls the arguments are those of its own question here.
function uploadTarget(r, principal) {
    const parts = r.variables.request_uri.split('?');
    const query = querystring.parse(parts.slice(1).join('?'));
    const plain = typeof query.from === 'string' && REPOSITORY.test(query.from) &&
        typeof query.mount === 'string' && /^[a-z0-9._-]+:[a-zA-Z0-9=_-]+$/.test(query.mount);
    if (!plain || !canPull(principal, query.from)) {
        return parts[0];
    }
    return `${parts[0]}?mount=${encodeURIComponent(query.mount)}&from=${encodeURIComponent(query.from)}`;
}

function isAllowed(r, principal) {
    const action = r.variables.action;
    if (action === 'login') {
        return true;
    }
    if (action === 'mirror') {
        return principal.name !== ANONYMOUS || canPull(principal, r.variables.repository);
    }
    if (action === 'catalog') {
        return canPull(principal, '*');
    }
    if (action === 'pull') {
        return canPull(principal, r.variables.repository);
    }
    return !isInCache(r) && principal.level >= LEVELS[action] && covers(principal, r.variables.repository);
}

function authorizePrincipal(r, principal) {
    r.variables.user = principal.name === ANONYMOUS ? '' : principal.name;
    if (r.variables.action === 'unknown') {
        return deny(r, 'UNSUPPORTED');
    }
    if (!isAllowed(r, principal)) {
        return deny(r, denial(r, principal));
    }
    if (r.variables.request_method === 'POST') {
        r.variables.upload = uploadTarget(r, principal);
    }
    return r.return(204);
}

// The name of a cache is the first part of its repositories.
function isInCache(r) {
    return CACHES.some((name) => r.variables.repository.startsWith(`${name}/`));
}

function denial(r, principal) {
    if (principal.name === ANONYMOUS) {
        return 'LOGIN';
    }
    return ['push', 'delete'].includes(r.variables.action) && isInCache(r) ? 'CACHE' : 'DENIED';
}

function deny(r, reason) {
    r.variables.refusal = reason;
    r.return(REFUSALS[reason][0] === 401 ? 401 : 403);
}

// A client that sends no credential. It is never told that it needs no login, or it would not log in where it must.
function authorizeAnonymous(r) {
    const anonymous = findUser(ANONYMOUS);
    if (anonymous && r.variables.action !== 'login') {
        return authorizePrincipal(r, anonymous);
    }
    return deny(r, 'LOGIN');
}

// The network that an address stands for: all of a /64 may be one client's own.
function networkOf(address) {
    const ipv4 = /^(?:::ffff:)?([0-9.]+)$/i.exec(address);
    if (ipv4) {
        return ipv4[1];
    }
    const halves = address.split('::');
    const groups = halves[0] ? halves[0].split(':') : [];
    return groups.concat(['0', '0', '0', '0']).slice(0, 4).join(':');
}

function parseCredentials(header) {
    const text = /^Basic +([A-Za-z0-9+/=_-]+) *$/i.exec(header);
    const bytes = text ? Buffer.from(text[1], 'base64') : Buffer.from('');
    const colon = bytes.indexOf(':');
    const name = colon > 0 ? bytes.slice(0, colon).toString() : '';
    return {
        // eslint-disable-next-line no-control-regex -- no such character may come into the log
        name: /^[^\s:~\x00-\x1f\x7f]{1,256}$/.test(name) ? name : '',
        password: bytes.slice(colon),
    };
}

// A right password is cached under the credential's key: the file's version, when it was last used, the name, the hash
// that the password belongs to, the user's line.
function cachePrincipal(key, hash, principal) {
    cache('remembered', key, [principal.version, Date.now(), principal.name, hash, principal.line].join('\n'), KNOWN_MS);
}

// The principal, if its user still has the hash. A password that fits a hash fits it for ever: it is not checked again.
function cachedPrincipal(key) {
    const cached = ngx.shared.remembered.get(key);
    if (cached === undefined) {
        return null;
    }
    const fields = cached.split('\n');
    if (fields[0] === version() && Date.now() - Number(fields[1]) < RENEW_MS) {
        return parseUser(fields[0], fields[2], fields[4]);
    }
    const principal = findUser(fields[2]);
    if (!principal || !principal.hashes.includes(fields[3])) {
        return null;
    }
    cachePrincipal(key, fields[3], principal);
    return principal;
}

// The status of an answer, or an error once the login has been away for too long.
async function statusOf(path, name, password) {
    const header = Buffer.concat([Buffer.from(name), password]).toString('base64');
    const until = Date.now() + OUTAGE_MS;
    let reply;
    for (;;) {
        try {
            reply = await ngx.fetch(LOGIN + path, {headers: {Authorization: `Basic ${header}`}});
            // A login from before there was a padding says 404 until it is replaced.
            if ([200, 401, 404].includes(reply.status)) {
                return reply.status;
            }
        } catch (error) {
            ngx.log(ngx.WARN, `login: ${error.message}`);
        }
        if (Date.now() > until) {
            throw new Error('UNAVAILABLE');
        }
        await sleep(100);
    }
}

// What hashes cost together, in rounds of bcrypt.
function rounds(hashes) {
    return hashes.reduce((sum, hash) => sum + Math.pow(2, Number(hash.split('$')[2] || 0)), 0);
}

// What a wrong password of the user costs who has the dearest hashes.
function mostRounds() {
    const now = version();
    const known = ngx.shared.users.get(`${now} ~rounds`);
    if (known !== undefined) {
        return Number(known);
    }
    const each = {};
    fs.readFileSync(USERS, 'utf8').split('\n').forEach((entry) => {
        const fields = entry.split(':');
        const name = fields[0].split('~')[0];
        if (name) {
            each[name] = (each[name] || 0) + rounds([fields[1]]);
        }
    });
    const most = Object.keys(each).reduce((found, name) => Math.max(found, each[name]), 0);
    cache('users', `${now} ~rounds`, String(most), CACHE_MS);
    return most;
}

// The costs of hashes that take so many rounds together.
function costsOf(left) {
    return COSTS.reduceRight((found, cost) => {
        while (left >= Math.pow(2, cost)) {
            found.push(cost);
            left -= Math.pow(2, cost);
        }
        return found;
    }, []);
}

// Checks the password against hashes that it does not belong to, so that all wrong ones cost the same and nobody can
// tell by the time which names there are.
async function padChecks(left, password) {
    const costs = costsOf(left);
    while (costs.length > 0) {
        await statusOf('/padding', String(costs.shift()), password);
    }
}

// The hash that the password belongs to.
async function matchingHash(principal, password) {
    const hashes = principal ? principal.hashes : [];
    if (principal && await statusOf('/', principal.name, password) === 200) {
        return hashes[0];
    }
    if (hashes[1] && await statusOf('/', `${principal.name}~previous`, password) === 200) {
        return hashes[1];
    }
    await padChecks(mostRounds() - rounds(hashes), password);
    return '';
}

// A wrong password is not checked again, and does not count again: clients try several times.
function isWrong(key) {
    return ngx.shared.wrong.get(key) === version();
}

// The number after it, or undefined where the zone is full.
function count(zone, key, by) {
    try {
        if (ngx.shared[zone].get(key) === undefined) {
            // One whose time is over would be counted on.
            ngx.shared[zone].delete(key);
        }
        return ngx.shared[zone].incr(key, by, 0, GUESSES_MS);
    } catch (error) {
        ngx.log(ngx.WARN, `${zone}: ${error.message}`);
        return undefined;
    }
}

// A guess that can't be counted is one too many.
function isTooMany(guesses, limit) {
    return guesses === undefined || guesses > limit;
}

function isLocked(network, pair) {
    return (ngx.shared.guesses.get(pair) || 0) >= GUESSES || (ngx.shared.guesses.get(network) || 0) >= NETWORK_GUESSES;
}

// The turn that was taken, one of some that there are.
function tryTurn(key, some) {
    for (let number = 0; number < some; number += 1) {
        try {
            if (ngx.shared.turns.add(`${key} ${number}`, '1', TURN_ENDS_MS)) {
                return `${key} ${number}`;
            }
        } catch (error) {
            ngx.log(ngx.WARN, `turns: ${error.message}`);
            return '';
        }
    }
    return '';
}

// Waits for a turn and gives it, or nothing where another has found out about the same credential meanwhile.
async function acquireTurn(name, some, locked, key) {
    const until = Date.now() + TURN_MS;
    let mine;
    for (;;) {
        mine = tryTurn(name, some());
        if (mine) {
            return mine;
        }
        if (Date.now() > until) {
            throw new Error(locked() ? 'LOCKED' : 'UNAVAILABLE');
        }
        await sleep(PAUSE_MS);
        if (isWrong(key) || cachedPrincipal(key)) {
            return '';
        }
    }
}

// Those who wait for what comes of their password, by when they began: one that was not taken back, as a worker ended,
// counts no longer than two of these times.
function waitingNow(whose, time) {
    return [time, time - 1].reduce((sum, one) => sum + (ngx.shared.waiting.get(`${whose} ${one}`) || 0), 0);
}

// Does something for one more of them, or refuses it at once where there are too many.
async function whileWaiting(network, locked, something) {
    const time = Math.floor(Date.now() / WAITING_MS);
    if (waitingNow(network, time) >= (locked ? WAITING : NETWORK_WAITING) || waitingNow('all', time) >= ALL_WAITING) {
        // Many who come for the first time try again by themselves.
        throw new Error(locked || ngx.shared.guesses.get(network) >= GUESSES ? 'LOCKED' : 'UNAVAILABLE');
    }
    const keys = [`${network} ${time}`, `all ${time}`];
    keys.forEach((key) => count('waiting', key, 1));
    try {
        return await something();
    } finally {
        keys.forEach((key) => count('waiting', key, -1));
    }
}

// One check at a time for each name and network, and few for a network: who guesses waits for himself, and many requests
// of one client that has just come cost one check. After too many wrong ones the right one still passes, in its turn.
async function checkInTurn(given, network, key) {
    const pair = `${network} ${given.name}`;
    const locked = () => isLocked(network, pair);
    if (isWrong(key)) {
        return checkedByAnother(key, locked());
    }
    const turns = [];
    const acquire = async (name, some) => {
        const turn = await acquireTurn(name, some, locked, key);
        turns.push(turn);
        return turn;
    };
    try {
        if (!await acquire(pair, () => 1) || !await acquire(network, () => (locked() ? 1 : CHECKS))) {
            return checkedByAnother(key, locked());
        }
        return await checkPassword(given, key, network, pair);
    } finally {
        turns.filter((turn) => turn).forEach((turn) => ngx.shared.turns.delete(turn));
    }
}

// What another request has found out.
function checkedByAnother(key, locked) {
    const principal = cachedPrincipal(key);
    if (principal) {
        return principal;
    }
    throw new Error(locked ? 'LOCKED' : 'WRONG');
}

async function checkPassword(given, key, network, pair) {
    const before = version();
    const principal = given.name ? findUser(given.name) : null;
    const hash = await matchingHash(principal, given.password);
    if (hash) {
        // The login may have read another file than this one: then it is open which hash the password fits.
        if (principal.version === version()) {
            cachePrincipal(key, hash, principal);
        }
        return principal;
    }
    // In the file as it was before: meanwhile it may have become right.
    cache('wrong', key, before, CACHE_MS);
    await countGuess(network, pair);
    throw new Error('WRONG');
}

async function countGuess(network, pair) {
    const all = count('guesses', network, 1);
    if (isTooMany(count('guesses', pair, 1), GUESSES) || isTooMany(all, NETWORK_GUESSES)) {
        // The turn is kept meanwhile.
        await sleep(LOCKED_MS);
        throw new Error('LOCKED');
    }
}

// Calls back with the principal, or with the reason why not: at once where the credential is cached.
function authenticate(r, header, done, fail) {
    const key = hmac(`password ${header}`);
    const cached = cachedPrincipal(key);
    if (cached) {
        return done(cached);
    }
    const given = parseCredentials(header);
    const network = networkOf(r.remoteAddress);
    const check = () => delayRefusal(() => checkInTurn(given, network, key));
    return whileWaiting(network, isLocked(network, `${network} ${given.name}`), check).then(done, (error) => {
        if (!REFUSALS[error.message]) {
            r.error(`access: ${error.message}`);
        }
        return fail(REFUSALS[error.message] ? error.message : 'UNAVAILABLE');
    });
}

// Holds a refusal back to the next of the times at which all come.
async function delayRefusal(something) {
    const began = Date.now();
    try {
        return await something();
    } catch (error) {
        if (error.message === 'WRONG' || error.message === 'LOCKED') {
            await sleep(REFUSAL_MS - (Date.now() - began) % REFUSAL_MS);
        }
        throw error;
    }
}

function signature(payload, hash, key) {
    return hmac(`token ${payload} ${hash}`, key);
}

function verifyToken(text) {
    const parts = text.split('.');
    const payload = Buffer.from(parts[0], 'base64url').toString();
    const fields = payload.split(' ');
    const principal = Number(fields[1]) > Date.now() / 1000 ? findUser(fields[0]) : null;
    // Compared under the key, as the time that a comparison takes tells how much of it was right.
    const given = hmac(parts[1] || '');
    const isSigned = (hash) => tokenKeys().some((key) => hmac(signature(payload, hash, key)) === given);
    return principal && principal.hashes.some(isSigned) ? principal : null;
}

function authorize(r) {
    const header = r.headersIn.Authorization;
    if (!header) {
        return authorizeAnonymous(r);
    }
    const bearer = /^Bearer +([A-Za-z0-9_.-]+) *$/i.exec(header);
    if (!bearer) {
        return authenticate(r, header, (principal) => authorizePrincipal(r, principal), (reason) => deny(r, reason));
    }
    const principal = verifyToken(bearer[1]);
    return principal ? authorizePrincipal(r, principal) : deny(r, 'EXPIRED');
}

// Where everybody may pull, clients that log in and clients that do not are told apart by tokens
// (https://distribution.github.io/distribution/spec/auth/token/). A token says who; each request is authorized anew.
function token(r) {
    function issue(principal) {
        const payload = `${principal.name} ${Math.floor(Date.now() / 1000) + TOKEN_S}`;
        const text = `${Buffer.from(payload).toString('base64url')}.${signature(payload, principal.hashes[0], tokenKeys()[0])}`;
        r.variables.user = principal.name === ANONYMOUS ? '' : principal.name;
        r.headersOut['Content-Type'] = 'application/json';
        r.headersOut['Cache-Control'] = 'no-store';
        r.return(200, JSON.stringify({token: text, access_token: text, expires_in: TOKEN_S}));
    }

    const header = r.headersIn.Authorization;
    const anonymous = findUser(ANONYMOUS);
    if (header) {
        return authenticate(r, header, issue, (reason) => sendError(r, reason));
    }
    return anonymous ? issue(anonymous) : sendError(r, 'LOGIN');
}

// Clients that ask `/v2/` first (Docker's classic store, podman, skopeo, crane) learn there that a token may be had
// without a login. Those that take up the challenge of the request itself (containerd, BuildKit, oras) are asked for the
// login instead: they would fetch a token by another trust than Docker's. A token that counts no more is replaced.
function challenge(r, reason) {
    const registry = calledBy(r);
    const bearer = /^Bearer /i.test(r.headersIn.Authorization || '');
    if (r.variables.uri === '/token' || !findUser(ANONYMOUS) || (!['login', 'mirror'].includes(r.variables.action) && !bearer)) {
        return `Basic realm="${registry}"`;
    }
    const action = {pull: 'pull', push: 'pull,push', delete: 'delete'}[r.variables.action];
    const scope = action ? `,scope="repository:${r.variables.repository}:${action}"` : '';
    const error = reason === 'EXPIRED' ? ',error="invalid_token"' : '';
    return `Bearer realm="https://${registry}/token",service="${registry}"${scope}${error}`;
}

// What the client calls the registry: one of the names that it has, or else the first of them.
function calledBy(r) {
    const host = r.variables.host;
    return Object.keys(ALIASES).includes(host) ? ALIASES[host] : REGISTRY;
}

function sendError(r, reason) {
    const refusal = REFUSALS[reason];
    const message = refusal[2].split('REGISTRY').join(calledBy(r));
    r.headersOut['Content-Type'] = 'application/json';
    r.headersOut['Docker-Distribution-Api-Version'] = 'registry/2.0';
    if (refusal[0] === 401) {
        r.headersOut['WWW-Authenticate'] = challenge(r, reason);
    }
    if (refusal[0] === 429) {
        r.headersOut['Retry-After'] = '60';
    }
    r.return(refusal[0], JSON.stringify({errors: [{code: refusal[1], message: message, detail: null}]}));
}

function refuse(r) {
    sendError(r, r.variables.refusal || (r.variables.cache_host ? 'UPSTREAM' : 'UNAVAILABLE'));
}

// Why a cache has nothing to give. Of a name that it did not get it says that there is none, whatever was the reason. Of a
// layer that nobody has it says what the upstream said, or what was said where it asked for a token.
async function upstreamReason(r) {
    const statuses = String(r.variables.upstream_status);
    // It has been waited for.
    if (statuses.includes('504')) {
        return sendError(r, 'SILENT');
    }
    const reply = await r.subrequest('/upstream-reason', {method: 'GET'});
    if (reply.status !== 404) {
        return sendError(r, reasonIn(reply.responseText));
    }
    // The upstream answers. What failed, failed as the cache was emptied, or restarted.
    return statuses.startsWith('404') ? sendError(r, 'UNKNOWN') : r.internalRedirect('@upstream_again');
}

function reasonIn(text) {
    const error = firstError(text);
    // The address before it could have any of these words in it.
    const said = error.code === 'UNKNOWN' ? String(error.detail).split('": ').pop().split(':')[0].toUpperCase() : error.code;
    return {UNAUTHORIZED: 'UPSTREAM', DENIED: 'UPSTREAM', TOOMANYREQUESTS: 'BUSY'}[said] || 'SILENT';
}

function firstError(text) {
    try {
        return JSON.parse(text).errors[0] || {};
    } catch (error) {
        ngx.log(ngx.WARN, `upstream: ${error.message}`);
        return {};
    }
}

// nginx has set the layer's headers by then, and would say its own for all answers once more.
function unsatisfiable(r) {
    ['Cache-Control', 'ETag', 'Last-Modified', 'Strict-Transport-Security'].forEach((name) => delete r.headersOut[name]);
    r.headersOut['Content-Type'] = 'application/json';
    // Where the registry has refused it, this is still to be said.
    if (!r.headersOut['Content-Range'] && r.variables.upstream_http_content_range) {
        r.headersOut['Content-Range'] = r.variables.upstream_http_content_range;
    }
    r.return(416, JSON.stringify({errors: [{code: 'RANGE_INVALID', message: 'the layer has no such part', detail: null}]}));
}

// When a layer was deleted from a repository, as long as a cached one would count: after that its name in the cache is
// another one.
function deletion(r) {
    return ngx.shared.deletions.get(layerOf(r)) || '';
}

function deleted(r) {
    ngx.shared.deletions.set(layerOf(r), String(Date.now()));
}

// What a load balancer asks: whether clients are to come here.
async function health(r) {
    if (fs.existsSync(DRAINED)) {
        return r.return(503, 'out\n');
    }
    const answers = await ngx.fetch(HEALTH).then((reply) => reply.status === 200, () => false);
    return answers ? r.return(200, 'in\n') : r.return(503, 'the registry does not answer\n');
}

// The kinds of manifests that a client can read: clients name them in any order, and beside others.
function readable(r) {
    const accepted = r.headersIn.Accept || '';
    return MANIFESTS.filter((kind) => accepted.includes(kind)).join();
}

function layerOf(r) {
    return `${r.variables.blob_repository} ${r.variables.blob_digest}`;
}

// nginx calls those of the first line. njs exports a default alone, so what the tests call is in it too.
export default {
    authorize, deleted, deletion, health, readable, refuse, token, unsatisfiable, upstreamReason,
    calledBy, costsOf, covers, findUser, isAllowed, networkOf, parseCredentials, reasonIn, rounds, tokenKeys, uploadTarget,
    verifyToken,
};
