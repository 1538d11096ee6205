// Shell text is imported as text: by vite for the tests, by scripts/bundle.mjs for the program.
declare module '*.sh?raw' {
  const text: string
  export default text
}
