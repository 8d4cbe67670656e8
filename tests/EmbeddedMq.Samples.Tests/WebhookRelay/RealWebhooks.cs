namespace EmbeddedMq.Samples.Tests.WebhookRelay;

/// <summary>A file of recorded webhooks, too large and not ours to keep in the repository: the environment names it.</summary>
public static class RealWebhooks
{
    public const string Missing = "Set EMBEDDEDMQ_WEBHOOKS to a file with one webhook a line, as WebhookRelay --replay reads it.";

    public static string Path { get; } = Environment.GetEnvironmentVariable("EMBEDDEDMQ_WEBHOOKS") ?? "";

    public static bool AreThere => File.Exists(Path);
}
