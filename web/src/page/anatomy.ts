/** What a file is made of: one row for each kind of section. */
import { type FileInfo } from "../index.js";
import { made } from "./elements.js";
import { bytes } from "./text.js";

export function anatomyOf(info: FileInfo): HTMLElement {
  const kinds = new Map<string, { count: number; size: number }>();
  for (const { kind, size } of info.sections) {
    const sum = kinds.get(kind) ?? { count: 0, size: 0 };
    kinds.set(kind, { count: sum.count + 1, size: sum.size + size });
  }
  const table = made("table");
  const head = table.createTHead().insertRow();
  for (const [text, name] of [["Section", ""], ["Number", "number"], ["Bytes", "number"], ["Share", "number"]] as const) {
    const cell = made("th", text, name);
    cell.scope = "col";
    head.append(cell);
  }
  const body = table.createTBody();
  for (const [kind, { count, size }] of kinds) {
    const row = body.insertRow();
    row.append(made("td", kind));
    for (const text of [String(count), bytes(size), `${((100 * size) / info.size).toFixed(1)} %`]) {
      row.append(made("td", text, "number"));
    }
  }
  const box = made("div", "", "scroll");
  box.append(table);
  return box;
}
