// The theme: the system's, or the stored selection. A plain script, so that it runs before the page is
// drawn.
'use strict';
(() => {
  const KEY = 'statusbus-theme';
  const THEMES = ['auto', 'light', 'dark'];
  const root = document.documentElement;

  /** Storage may be disabled: the selection is then lost with the page. */
  const stored = (act) => {
    try {
      return act(localStorage);
    } catch {
      return null;
    }
  };
  const now = () => root.dataset.theme ?? 'auto';
  const set = (theme) => {
    if (theme === 'light' || theme === 'dark') root.dataset.theme = theme;
    else delete root.dataset.theme;
  };

  set(stored((storage) => storage.getItem(KEY)));
  document.addEventListener('DOMContentLoaded', () => {
    const button = document.getElementById('theme');
    const show = () => {
      button.textContent = `Theme: ${now()}`;
    };
    button.addEventListener('click', () => {
      set(THEMES[(THEMES.indexOf(now()) + 1) % THEMES.length]);
      stored((storage) => storage.setItem(KEY, now()));
      show();
    });
    show();
  });
})();
