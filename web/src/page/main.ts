/** The page of `inrcodec serve`: a gallery at /, a viewer at /view/NAME, and a place to drop files. */
import { prepare, setBase } from "../index.js";
import { byId } from "./elements.js";
import { Gallery } from "./gallery.js";
import { hasToken, keepToken } from "./server.js";
import { Viewer } from "./viewer.js";

setBase(new URL("../", import.meta.url));
prepare();

const gallery = new Gallery(askForToken);
const viewer = new Viewer(askForToken);
const form = byId<HTMLFormElement>("token-form");

/** Ask for the token of the server, and say why. */
function askForToken(): void {
  const again = hasToken() ? "That is not the token of this server." : "This server asks for a token.";
  const link = location.search.includes("expires=") ? "This link has expired, or is not valid. " : "";
  byId("token-note").textContent = link + again;
  keepToken(undefined);
  form.hidden = false;
  byId("token").focus();
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  keepToken(byId<HTMLInputElement>("token").value.trim());
  route();
  byId("home").focus();
});

function open(what: "gallery" | "viewer"): void {
  form.hidden = true;
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
  history.pushState(null, "", location.href); /* so that Back shows what was there before */
  open("viewer");
  void viewer.showFile(file);
}

document.addEventListener("click", (event) => {
  const link = (event.target as Element).closest<HTMLAnchorElement>("a[href^='/view/'], #home");
  if (!link || event.button || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  history.pushState(null, "", link.href);
  route();
  byId(nameIn(location.pathname) ? "stage" : "home").focus({ preventScroll: true });
  scrollTo(0, 0);
});
addEventListener("popstate", route);
addEventListener("dragover", (event) => {
  if (!event.dataTransfer?.types.includes("Files")) return;
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
