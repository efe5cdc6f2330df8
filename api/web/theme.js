// Before anything is painted: the colours that were chosen on this device, if any were.
const chosen = localStorage.getItem("groundwork-theme");
if (chosen) document.documentElement.dataset.theme = chosen;
