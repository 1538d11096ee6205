export async function runHost(_fd: number): Promise<void> {}
