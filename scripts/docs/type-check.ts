import { join } from "node:path";
import ts from "typescript";
import type { Snippet } from "./snippets.js";

/** A fault of a page, at its own line. */
export interface Fault {
  readonly file: string;
  readonly line: number;
  readonly message: string;
}

/**
 * Type-checks snippets, each as a module of its own that lies where its page lies, in one program: packages are found by their names,
 * as source. Nothing is written to disk. A snippet may leave what it names unused.
 */
export function typeCheck(root: string, snippets: readonly Snippet[]): Fault[] {
  const modules = new Map(snippets.map((snippet) => [modulePath(root, snippet), snippet]));
  const program = ts.createProgram(
    [...modules.keys()],
    compilerOptions(root),
    hostWith(modules, compilerOptions(root)),
  );
  return [...modules].flatMap(([path, snippet]) => faultsOf(program, path, snippet));
}

/** A snippet of `docs/a.md` that begins on line 7 is the module `docs/a.md.7.ts`. */
function modulePath(root: string, { file, line }: Snippet): string {
  return join(root, `${file}.${line}.ts`);
}

function compilerOptions(root: string): ts.CompilerOptions {
  const { config } = ts.readConfigFile(join(root, "tsconfig.json"), ts.sys.readFile);
  const { options } = ts.parseJsonConfigFileContent({ ...config, include: [], files: [] }, ts.sys, root);
  return {
    ...options,
    noUnusedLocals: false,
    noUnusedParameters: false,
    isolatedDeclarations: false,
    declaration: false,
    incremental: false,
  };
}

function hostWith(modules: ReadonlyMap<string, Snippet>, options: ts.CompilerOptions): ts.CompilerHost {
  const host = ts.createCompilerHost(options);
  return {
    ...host,
    fileExists: (path) => modules.has(path) || host.fileExists(path),
    readFile: (path) => modules.get(path)?.code ?? host.readFile(path),
    getSourceFile: (path, settings, ...rest) => {
      const snippet = modules.get(path);
      if (snippet === undefined) return host.getSourceFile(path, settings, ...rest);
      return ts.createSourceFile(path, snippet.code, settings);
    },
  };
}

function faultsOf(program: ts.Program, path: string, { file, line }: Snippet): Fault[] {
  const source = program.getSourceFile(path);
  if (source === undefined) return [{ file, line, message: "the compiler did not read this snippet" }];
  return [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)].map(
    ({ start = 0, messageText }) => ({
      file,
      line: source.getLineAndCharacterOfPosition(start).line + 1,
      message: ts.flattenDiagnosticMessageText(messageText, "\n"),
    }),
  );
}
