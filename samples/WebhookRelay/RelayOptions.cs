using System.ComponentModel.DataAnnotations;

namespace WebhookRelay;

/// <summary>Configuration section <c>Webhooks</c>, for example the environment variable <c>Webhooks__Secret</c>.</summary>
internal sealed class RelayOptions
{
    /// <summary>The secret that GitHub signs with; empty: signatures are not checked. Default empty.</summary>
    public string Secret { get; set; } = "";

    /// <summary>Largest body, in bytes. 1 to 2,000,000,000. Default 25 MiB, which is the most that GitHub sends.</summary>
    [Range(1, 2_000_000_000)]
    public int MaxBodyBytes { get; set; } = 25 * 1024 * 1024;
}
