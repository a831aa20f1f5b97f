const MAX_LENGTH = 128;

/** Longer texts never match, so that the cost of a match has a bound. */
export const MAX_SUBJECT_LENGTH = 256;

const VARIABLE = /[*+?]|\{\d+,\d*\}/g;

/**
 * Why a regular expression is refused, or undefined. Allowed is a subset that can not run away: characters, classes, anchors,
 * alternatives, and at most two repetitions of variable length. Groups, look-around and references are refused: with them a few
 * characters are enough for a match that takes hours.
 */
export function patternProblem(pattern: string): string | undefined {
  if (pattern.length > MAX_LENGTH) return `a pattern has at most ${MAX_LENGTH} characters`;
  if (/\\[1-9k]/.test(pattern)) return "references to groups are not allowed";
  const bare = withoutEscapesAndClasses(pattern);
  if (/[()]/.test(bare)) return "groups and look-around are not allowed";
  if ((bare.match(VARIABLE) ?? []).length > 2) return "at most two of * + ? {n,m} are allowed";
  if (/\d{3,}[^}]*\}/.test(bare)) return "a repetition goes up to 99";
  try {
    new RegExp(pattern, "u");
  } catch {
    return "it is not a regular expression";
  }
  return undefined;
}

/** The pattern's structure only: classes and escapes become one plain letter. */
function withoutEscapesAndClasses(pattern: string): string {
  return pattern.replace(/\\./gsu, "a").replace(/\[[^\]]*\]/gu, "a");
}

/** A test for a pattern that {@link patternProblem} accepts. */
export function patternTest(pattern: string): (text: string) => boolean {
  const expression = new RegExp(pattern, "u");
  return (text) => text.length <= MAX_SUBJECT_LENGTH && expression.test(text);
}
