/** The pages, in the order of the menu. A page is loaded when somebody first goes there. */
export const PAGES = [
  { path: 'home', title: 'Home', load: () => import('./pages/home.js') },
  { path: 'try', title: 'Try it', load: () => import('./pages/try.js') },
  { path: 'data', title: 'Data', load: () => import('./pages/data.js') },
  { path: 'import', title: 'Import', load: () => import('./pages/import.js') },
  { path: 'training', title: 'Training', load: () => import('./pages/training.js') },
  { path: 'live', title: 'Live metrics', load: () => import('./pages/live.js') },
  { path: 'experiments', title: 'Experiments', load: () => import('./pages/experiments.js') },
  { path: 'settings', title: 'Settings', load: () => import('./pages/settings.js') },
  { path: 'connect', title: 'Connect', load: () => import('./pages/connect.js') },
];
