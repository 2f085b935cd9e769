// Svelte's own settings: none are needed, and the build says so if the file is missing.
export default {};
