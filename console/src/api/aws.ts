import { REGION, readCredentials } from "./credentials";

/**
 * AWS's own clients, for all that changes something and for what AWS has a call for. They are loaded when they are first
 * needed, so that no page waits for them.
 */
function settings() {
  return {
    endpoint: window.location.origin,
    region: REGION,
    credentials: readCredentials() ?? { accessKeyId: "console", secretAccessKey: "console" },
    maxAttempts: 1,
    // The browser has no address for `sync-` before this server's name.
    disableHostPrefix: true,
  };
}

export async function stepFunctions() {
  const sdk = await import("@aws-sdk/client-sfn");
  return { sdk, client: new sdk.SFNClient(settings()) };
}

export async function lambda() {
  const sdk = await import("@aws-sdk/client-lambda");
  return { sdk, client: new sdk.LambdaClient(settings()) };
}

export async function logs() {
  const sdk = await import("@aws-sdk/client-cloudwatch-logs");
  return { sdk, client: new sdk.CloudWatchLogsClient(settings()) };
}
