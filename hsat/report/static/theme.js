/* The button between light and dark, for pages that need no other script. */
(function () {
  "use strict";

  var root = document.documentElement;
  var button = document.getElementById("theme");
  var system = matchMedia("(prefers-color-scheme: dark)");

  function isDark() {
    return root.dataset.theme ? root.dataset.theme === "dark" : system.matches;
  }

  function name() {
    button.textContent = isDark() ? "Light" : "Dark";
  }

  root.classList.add("is-live");
  button.addEventListener("click", function () {
    root.dataset.theme = isDark() ? "light" : "dark";
    name();
  });
  system.addEventListener("change", name);
  name();
  root.dataset.ready = "true";
})();
