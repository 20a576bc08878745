/** The page of `inrcodec serve`: a gallery at /, a viewer at /view/NAME, and a place to drop files. */
import { prepare, setBase } from "../index.js";
import { byId } from "./elements.js";
import { Gallery } from "./gallery.js";
import { Viewer } from "./viewer.js";

setBase(new URL("../", import.meta.url));
prepare();

const gallery = new Gallery();
const viewer = new Viewer();

function open(what: "gallery" | "viewer"): void {
  byId("gallery").hidden = what !== "gallery";
  byId("viewer").hidden = what !== "viewer";
  if (what === "gallery") document.title = "inrcodec";
  if (what === "gallery") viewer.hide();
  else gallery.hide();
}

function nameIn(path: string): string | undefined {
  try {
    return path.startsWith("/view/") ? decodeURIComponent(path.slice("/view/".length)) : undefined;
  } catch {
    return undefined;
  }
}

function route(): void {
  const name = nameIn(location.pathname);
  open(name ? "viewer" : "gallery");
  if (name) viewer.show(name, location.search);
  else void gallery.show();
}

function drop(file: File | null | undefined): void {
  if (!file) return;
  open("viewer");
  void viewer.showFile(file);
}

document.addEventListener("click", (event) => {
  const link = (event.target as Element).closest<HTMLAnchorElement>("a[href^='/view/'], #home");
  if (!link || event.button || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  history.pushState(null, "", link.href);
  route();
  byId(nameIn(location.pathname) ? "stage" : "home").focus({ preventScroll: true });
  scrollTo(0, 0);
});
addEventListener("popstate", route);
addEventListener("dragover", (event) => {
  event.preventDefault();
  document.body.classList.add("dropping");
});
addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) document.body.classList.remove("dropping");
});
addEventListener("drop", (event) => {
  event.preventDefault();
  document.body.classList.remove("dropping");
  drop(event.dataTransfer?.files[0]);
});
const pick = byId<HTMLInputElement>("pick");
pick.addEventListener("change", () => {
  drop(pick.files?.[0]);
  pick.value = "";
});
route();
