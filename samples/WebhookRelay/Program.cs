// Takes GitHub webhooks over HTTP, confirms them to GitHub only when the broker is responsible for them, and routes them by topic to
// several queues with handlers of their own. With --replay FILE it reads them from a file instead and proves that none was lost.
using WebhookRelay;

switch (args)
{
    case ["--replay", string path, .. string[] rest]:
        return await Replay.RunAsync(path, rest, Console.Out, Console.Error);

    case ["--replay" or "--help" or "-h" or "-?", ..]:
        Console.Error.WriteLine("""
            WebhookRelay [--urls http://127.0.0.1:8080]   takes webhooks at POST /webhooks, shows counts at GET /summary
            WebhookRelay --replay FILE [--times 2]        reads one JSON event a line, prints what each queue got, and checks it
            Settings: environment variables Webhooks__Secret, Webhooks__MaxBodyBytes, and EmbeddedMq__… of the broker.
            """);
        return Replay.NoFile;

    default:
        await RelayServer.Create(args).RunAsync();
        return 0;
}
