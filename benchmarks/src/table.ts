/** Three digits that mean something. */
export function rounded(value: number): string {
  if (value >= 100) return Math.round(value).toLocaleString("en");
  return String(Number(value.toPrecision(value >= 1 ? 3 : 2)));
}

export function percent(part: number): string {
  return `${(part * 100).toFixed(0)} %`;
}

/** A table of Markdown: the columns named first are text, the others numbers. */
export function markdownTable(
  text: readonly string[],
  numbers: readonly string[],
  rows: readonly (readonly string[])[],
): readonly string[] {
  return [
    `| ${[...text, ...numbers].join(" | ")} |`,
    `|${text.map(() => "---|").join("")}${numbers.map(() => "--:|").join("")}`,
    ...rows.map((cells) => `| ${cells.join(" | ")} |`),
  ];
}
