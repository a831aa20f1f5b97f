/** What a (simulated) citizen allows. Without `scoring` events are archived and nothing else. */
export interface Consent {
  readonly scoring: boolean;
  /** Activity summaries. */
  readonly profiling: boolean;
  readonly graph: boolean;
  readonly marketing: boolean;
}

/** What scoring knows of a citizen: never the nationalID, which stays in the citizen store. May be a little stale. */
export interface CitizenProfile {
  readonly citizenID: string;
  readonly birthYear: number;
  readonly region: string;
  readonly consent: Consent;
  readonly flags: readonly string[];
}
