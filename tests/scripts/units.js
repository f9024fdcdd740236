// Calls functions of the login: [[NAME, ARGUMENT...], ...] comes, and what they return goes back.

import access from './access.js';

function call(r) {
    const calls = JSON.parse(r.requestText);
    r.return(200, JSON.stringify(calls.map((one) => access[one[0]].apply(null, one.slice(1)))));
}

export default {call};
