/** What must be known to read a workload's numbers: where time goes that we can not save, by profile. */
export const REMARKS: Readonly<Record<string, string>> = {};
