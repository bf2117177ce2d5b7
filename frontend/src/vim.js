export { initVimMode, VimMode } from 'monaco-vim';
