import { createHmac, randomUUID } from "node:crypto";
import { type Metadata, status } from "@grpc/grpc-js";
import { Refusal } from "./refusal.js";

/** Who may do what. Everything that is not given is not asked for. */
export interface LoginRules {
  /** Name → password. */
  readonly users?: Readonly<Record<string, string>>;
  /** Must come in `authorization` with every call. */
  readonly authorization?: string;
  /** Must come in `auth-token` with an Alter. */
  readonly authToken?: string;
}

/** Access control lists, as far as a client meets them: logins, tokens that end, and timestamps that are signed. */
export class Logins {
  readonly #rules: LoginRules;
  readonly #secret: string = randomUUID();
  readonly #access = new Map<string, string>();
  readonly #refresh = new Map<string, string>();
  logins = 0;
  refreshes = 0;

  constructor(rules: LoginRules) {
    this.#rules = rules;
  }

  login(user: string, password: string, refreshToken: string): { readonly access: string; readonly refresh: string } {
    let name = user;
    if (refreshToken !== "") {
      name = this.#refresh.get(refreshToken) ?? "";
      if (name === "")
        throw new Refusal("unable to authenticate the refresh token: Token is expired", status.UNAUTHENTICATED);
      this.refreshes++;
    } else {
      if (this.#rules.users?.[user] !== password) throw new Refusal("invalid username or password");
      this.logins++;
    }
    const tokens = { access: `access-${randomUUID()}`, refresh: `refresh-${randomUUID()}` };
    this.#access.set(tokens.access, name);
    this.#refresh.set(tokens.refresh, name);
    return tokens;
  }

  check(metadata: Metadata, alters: boolean): void {
    const { authorization, authToken, users } = this.#rules;
    const given = (name: string): string => String(metadata.get(name)[0] ?? "");
    if (authorization !== undefined && given("authorization") !== authorization)
      throw new Refusal("no valid authorization", status.UNAUTHENTICATED);
    if (alters && authToken !== undefined && given("auth-token") !== authToken)
      throw new Refusal("Invalid auth-token: only guardians may alter", status.PERMISSION_DENIED);
    if (users === undefined) return;
    const token = given("accessjwt");
    if (token === "") throw new Refusal("no accessJwt available", status.UNAUTHENTICATED);
    if (!this.#access.has(token)) throw new Refusal("Token is expired", status.UNAUTHENTICATED);
  }

  /** What a timestamp must come back with. */
  hash(ts: number): string {
    return this.#rules.users === undefined ? "" : createHmac("sha256", this.#secret).update(String(ts)).digest("hex");
  }

  checkHash(ts: number, hash: string): void {
    if (this.hash(ts) !== hash)
      throw new Refusal("hash mismatch the claimed startTs|namespace", status.PERMISSION_DENIED);
  }

  expireAccess(): void {
    this.#access.clear();
  }

  expireRefresh(): void {
    this.#refresh.clear();
  }
}
