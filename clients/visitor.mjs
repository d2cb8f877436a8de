// A visitor is a browser without a window: it keeps cookies, follows redirects
// inside the server, and fills in the pages' forms. decision is what he says when
// he is asked for his consent.
export function visitor(server, email = 'kermit@example.com', password = 'kermit', decision = 'allow') {
  const cookies = new Map();
  async function ask(address, form) {
    const response = await server.fetch(address, {
      method: form ? 'POST' : 'GET', redirect: 'manual', body: form && new URLSearchParams(form),
      headers: { cookie: [...cookies].map((c) => c.join('=')).join('; '), ...(form ? { origin: server.url } : {}) },
    });
    for (const line of response.headers.getSetCookie()) {
      const [name, value] = line.split(';')[0].split(/=(.*)/s);
      cookies.set(name, value);
    }
    return response;
  }
  const text = (s) => s.replace(/&#(\d+);/g, (_, n) => String.fromCharCode(n)).replace(/&quot;/g, '"').replace(/&lt;/g, '<').replace(/&gt;/g, '>').replace(/&amp;/g, '&');
  const attribute = (tag, name) => { const m = tag.match(new RegExp(`\\b${name}="([^"]*)"`)); return m && text(m[1]); };
  // formIn reads the page's form with what the visitor types into it.
  function formIn(html, typed) {
    const form = html.match(/<form[^>]*>[\s\S]*?<\/form>/)?.[0];
    if (!form) return undefined;
    const fields = {};
    for (const tag of form.match(/<input[^>]*>/g) ?? []) fields[attribute(tag, 'name')] = attribute(tag, 'value') ?? '';
    if ('email' in fields) Object.assign(fields, { email, password });
    if (form.includes('name="decision"')) fields.decision = decision;
    return { action: attribute(form.match(/<form[^>]*>/)[0], 'action'), fields: { ...fields, ...typed } };
  }
  // visit goes on until the server sends the visitor away, and returns where to; or
  // until a page has no form, and returns its text.
  return async function visit(address, typed = {}) {
    let at = new URL(address, server.url), response = await ask(at);
    for (let i = 0; i < 12; i++) {
      const location = response.headers.get('location');
      if (location) {
        at = new URL(location, at);
        if (at.origin !== new URL(server.url).origin) return at;
        response = await ask(at);
        continue;
      }
      const html = await response.text();
      const form = formIn(html, typed);
      if (!form) return html;
      at = new URL(form.action, at);
      if (at.origin !== new URL(server.url).origin) return Object.assign(at, { form: form.fields }); // form_post
      typed = {};
      response = await ask(at, form.fields);
    }
    throw new Error('the pages go in circles at ' + at);
  };
}
