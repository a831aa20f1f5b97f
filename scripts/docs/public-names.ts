import { readFileSync } from "node:fs";
import { dirname, posix } from "node:path";
import ts from "typescript";
import { filesOf } from "./repository-files.js";
import type { Fault } from "./type-check.js";

/** A name of a package's entry. Of a class exported as a type only, users can make none: it is what something else gives them. */
interface Exported {
  readonly name: string;
  readonly typeOnly: boolean;
}

/** The statements that declare a name: several for overloads. */
interface Declared {
  readonly file: string;
  readonly line: number;
  readonly statements: readonly ts.Statement[];
}

/** Names that packages export without a docstring, and exported functions, classes and constants without an `@example`. Only parses. */
export function publicNameFaults(root: string): Fault[] {
  const sources = new Sources(root);
  const faults = new Map<string, Fault>();
  for (const entry of entriesOf(root)) {
    for (const { name, typeOnly } of sources.exportsOf(entry)) {
      const declared = sources.declarationOf(entry, name);
      const message = declared === undefined ? "is declared nowhere in this package" : lackOf(declared, typeOnly);
      const { file, line } = declared ?? { file: entry, line: 1 };
      if (message !== undefined)
        faults.set(`${file}:${name}`, { file, line, message: `${name} is public, and ${message}` });
    }
  }
  return [...faults.values()];
}

/** The source files that packages give to their users: the `millrace-source` of each of their exports. */
function entriesOf(root: string): string[] {
  return filesOf(root)
    .filter((file) => /^packages\/(connectors\/)?[a-z]+\/package\.json$/.test(file))
    .flatMap((file) => {
      const { exports = {} } = JSON.parse(readFileSync(posix.join(root, file), "utf8")) as {
        readonly exports?: Readonly<Record<string, string | { readonly "millrace-source"?: string }>>;
      };
      return Object.values(exports).flatMap((entry) => {
        const source = typeof entry === "string" ? undefined : entry["millrace-source"];
        return source === undefined ? [] : [posix.join(dirname(file), source)];
      });
    });
}

function lackOf({ statements }: Declared, typeOnly: boolean): string | undefined {
  const comments = statements.flatMap((statement) => ts.getJSDocCommentsAndTags(statement).filter(ts.isJSDoc));
  if (!comments.some(({ comment }) => (ts.getTextOfJSDocComment(comment) ?? "").trim() !== ""))
    return "has no docstring";
  const isUsed = statements.some(
    (statement) =>
      ts.isFunctionDeclaration(statement) || ts.isClassDeclaration(statement) || ts.isVariableStatement(statement),
  );
  const isShown = comments.some(({ tags }) => tags?.some(({ tagName }) => tagName.text === "example"));
  return isUsed && !typeOnly && !isShown ? "its docstring has no @example" : undefined;
}

/** The sources of a repository, parsed when they are asked for, and how names go from one to the other. */
class Sources {
  readonly #root: string;
  readonly #parsed = new Map<string, ts.SourceFile>();

  constructor(root: string) {
    this.#root = root;
  }

  /** What a file exports; names that it passes on from another package are left to that package. */
  exportsOf(file: string): Exported[] {
    return this.#parse(file).statements.flatMap((statement): Exported[] => {
      if (!ts.isExportDeclaration(statement))
        return isExported(statement) ? declaredNames(statement).map((name) => ({ name, typeOnly: false })) : [];
      const target = targetOf(file, statement);
      if (target === "elsewhere") return [];
      const { exportClause, isTypeOnly } = statement;
      if (exportClause === undefined) return this.exportsOf(target ?? file);
      return ts.isNamedExports(exportClause)
        ? exportClause.elements.map((each) => ({ name: each.name.text, typeOnly: isTypeOnly || each.isTypeOnly }))
        : [{ name: exportClause.name.text, typeOnly: isTypeOnly }];
    });
  }

  /** Where a name that stands in a file is declared: there, or in a file it is imported or passed on from. */
  declarationOf(file: string, name: string): Declared | undefined {
    const source = this.#parse(file);
    const statements = source.statements.filter((statement) => declaredNames(statement).includes(name));
    const [first] = statements;
    if (first !== undefined)
      return { file, line: source.getLineAndCharacterOfPosition(first.getStart(source)).line + 1, statements };
    for (const statement of source.statements) {
      const original = originalOf(statement, name);
      const target = original === undefined ? "elsewhere" : targetOf(file, statement);
      if (original === undefined || target === "elsewhere" || (target === undefined && original === name)) continue;
      const found = this.declarationOf(target ?? file, original);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  #parse(file: string): ts.SourceFile {
    const known = this.#parsed.get(file);
    if (known !== undefined) return known;
    const text = readFileSync(posix.join(this.#root, file), "utf8");
    const parsed = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
    this.#parsed.set(file, parsed);
    return parsed;
  }
}

/** The file that an import or export speaks of; undefined for the file itself. */
function targetOf(file: string, statement: ts.Statement): string | "elsewhere" | undefined {
  if (!ts.isExportDeclaration(statement) && !ts.isImportDeclaration(statement)) return "elsewhere";
  const { moduleSpecifier } = statement;
  if (moduleSpecifier === undefined || !ts.isStringLiteral(moduleSpecifier)) return undefined;
  const { text } = moduleSpecifier;
  return text.startsWith(".") ? posix.join(dirname(file), text.replace(/\.js$/, ".ts")) : "elsewhere";
}

/** What a name of an import or export is called where it comes from; undefined when the statement has no such name. */
function originalOf(statement: ts.Statement, name: string): string | undefined {
  const named = ts.isExportDeclaration(statement)
    ? statement.exportClause
    : ts.isImportDeclaration(statement)
      ? statement.importClause?.namedBindings
      : undefined;
  if (named === undefined) return ts.isExportDeclaration(statement) ? name : undefined;
  if (!ts.isNamedExports(named) && !ts.isNamedImports(named)) return undefined;
  const element = [...named.elements].find((each) => each.name.text === name);
  return (element?.propertyName ?? element?.name)?.text;
}

function isExported(statement: ts.Statement): boolean {
  return (
    ts.canHaveModifiers(statement) &&
    ts.getModifiers(statement)?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword) === true
  );
}

function declaredNames(statement: ts.Statement): string[] {
  if (ts.isVariableStatement(statement))
    return statement.declarationList.declarations.flatMap(({ name }) => (ts.isIdentifier(name) ? [name.text] : []));
  const isNamed =
    ts.isFunctionDeclaration(statement) ||
    ts.isClassDeclaration(statement) ||
    ts.isInterfaceDeclaration(statement) ||
    ts.isTypeAliasDeclaration(statement);
  return isNamed && statement.name !== undefined ? [statement.name.text] : [];
}
