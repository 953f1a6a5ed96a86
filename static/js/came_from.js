// A mailing's links carry `?from=` and the mailing's code, which names the mailing and nobody who read it. Here the code
// goes on to the site's own pages, as far as to the form of a request or a booking: in addresses alone, nothing is kept
// in the browser. Without this script it counts only what a mailing links to directly.

const CODE = /^[a-z0-9]{8}$/;
const NAMES = ["came_from", "from"];
// Pages that know for themselves where somebody came from, or where nobody asks for anything.
const ELSEWHERE = /^\/(admin|media|static|newsletter|appointments\/(?!request\/|book\/))/;

const asked = new URLSearchParams(location.search);
const code = NAMES.flatMap((name) => asked.getAll(name)).find((value) => CODE.test(value));

function carry(link) {
  const address = new URL(link.href);
  if (address.origin !== location.origin || ELSEWHERE.test(address.pathname)) return;
  if (NAMES.some((name) => address.searchParams.has(name))) return;
  address.searchParams.set("from", code);
  link.href = address.href;
}

if (code) for (const link of document.links) carry(link);
