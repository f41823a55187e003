import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import ts from 'typescript';

/** An import as it stands in the source. */
export interface Import {
  /** File, relative to `src`. */
  readonly from: string;
  /** Target file relative to `src`, or a package name, or `node:...`. */
  readonly to: string;
  readonly isPackage: boolean;
}

function sourceFiles(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.tsx?$/.test(entry.name) && !entry.name.endsWith('.d.ts'))
    .map((entry) => path.join(entry.parentPath, entry.name));
}

function packageName(specifier: string): string {
  const parts = specifier.split('/');
  return specifier.startsWith('@') ? parts.slice(0, 2).join('/') : (parts[0] ?? specifier);
}

/** All imports of one source text, dynamic ones included. */
export function importsOf(text: string, file: string, root: string): readonly Import[] {
  const found: Import[] = [];
  const add = (specifier: string): void => {
    const isPackage = !specifier.startsWith('.');
    const to = isPackage ? packageName(specifier) : path.relative(root, path.resolve(path.dirname(file), specifier));
    found.push({ from: path.relative(root, file), to, isPackage });
  };
  const visit = (node: ts.Node): void => {
    if ((ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) && node.moduleSpecifier) {
      if (ts.isStringLiteral(node.moduleSpecifier)) add(node.moduleSpecifier.text);
    }
    if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      const [argument] = node.arguments;
      if (argument && ts.isStringLiteral(argument)) add(argument.text);
    }
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true));
  return found;
}

/** All imports below a folder. */
export function importsBelow(root: string): readonly Import[] {
  return sourceFiles(root).flatMap((file) => importsOf(readFileSync(file, 'utf8'), file, root));
}
