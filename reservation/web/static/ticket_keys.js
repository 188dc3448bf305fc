// The keys that tickets are signed with: fetched while there is a connection, and kept for when there is none.

const KEPT = "ticket-keys";
const bytes = (base64url) => Uint8Array.from(atob(base64url.replaceAll("-", "+").replaceAll("_", "/")), (each) => each.charCodeAt(0));

export class TicketKeys {
  async load() {
    try {
      const answer = await fetch("/.well-known/ticket-keys.json");
      if (answer.ok) localStorage.setItem(KEPT, await answer.text());
    } catch {
      // The keys of the last time are used.
    }
  }

  // The claims of a QR code's content without a look at its signature; null if it is none.
  claims(payload) {
    try {
      return JSON.parse(new TextDecoder().decode(bytes(payload.split(".")[1])));
    } catch {
      return null;
    }
  }

  // The claims of a content that is signed; null if it is not, undefined if that cannot be told: a typed code, or no keys.
  async verified(payload) {
    const parts = payload.split(".");
    const kept = JSON.parse(localStorage.getItem(KEPT) ?? "null");
    if (parts.length !== 3 || kept === null) return undefined;
    try {
      const header = JSON.parse(new TextDecoder().decode(bytes(parts[0])));
      const found = kept.keys.find((each) => each.kid === header.kid);
      if (!found || header.alg !== "EdDSA") return null;
      const jwk = { kty: found.kty, crv: found.crv, x: found.x };
      const key = await crypto.subtle.importKey("jwk", jwk, { name: "Ed25519" }, false, ["verify"]);
      const signed = new TextEncoder().encode(`${parts[0]}.${parts[1]}`);
      const isGood = await crypto.subtle.verify({ name: "Ed25519" }, key, bytes(parts[2]), signed);
      return isGood ? this.claims(payload) : null;
    } catch (error) {
      return error.name === "NotSupportedError" ? undefined : null;
    }
  }
}
