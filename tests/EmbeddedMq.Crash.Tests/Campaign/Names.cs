using System.Globalization;

namespace EmbeddedMq.Crash.Tests.Campaign;

/// <summary>The names that come and go in a campaign, each as <c>kind:name</c>.</summary>
internal static class Names
{
    private static readonly string[] Kinds = ["queue", "exchange", "binding", "policy", "vhost"];

    /// <summary>Picks one.</summary>
    public static string Pick(Random random)
        => string.Create(CultureInfo.InvariantCulture, $"{Kinds[random.Next(Kinds.Length)]}:t{random.Next(6)}");

    /// <summary>The queue that a name means, or <see langword="null"/>: it is something else.</summary>
    public static string? QueueOf(string name) => name.StartsWith("queue:", StringComparison.Ordinal) ? name["queue:".Length..] : null;

    /// <summary>Deletes what is there, declares what is not.</summary>
    public static async Task ToggleAsync(Broker broker, IChannel channel, string name, bool isThere)
    {
        string[] parts = name.Split(':');
        string own = parts[1];
        const string VirtualHost = ConnectionOptions.DefaultVirtualHost;
        await (parts[0] switch
        {
            "queue" => isThere
                ? channel.DeleteQueueAsync(own).AsTask()
                : channel.DeclareQueueAsync(own, static queue => queue.Durable().MaxLength(1_000).WithMessageTtl(TimeSpan.FromDays(1))).AsTask(),
            "exchange" => isThere
                ? channel.DeleteExchangeAsync(own).AsTask()
                : channel.DeclareExchangeAsync(own, ExchangeType.Topic, static exchange => exchange.Durable()).AsTask(),
            "binding" => isThere ? channel.UnbindQueueAsync("q1", CampaignSetup.Topo, own).AsTask() : channel.BindQueueAsync("q1", CampaignSetup.Topo, own).AsTask(),
            "policy" => isThere
                ? broker.Management.DeletePolicyAsync(VirtualHost, own).AsTask()
                : broker.Management.SetPolicyAsync(VirtualHost, new Policy(own, "^nothing", HeaderTable.Of("max-length", 5))).AsTask(),
            _ => isThere ? broker.Management.DeleteVirtualHostAsync(own).AsTask() : broker.Management.CreateVirtualHostAsync(own).AsTask(),
        });
    }

    /// <summary>All that are there.</summary>
    public static async Task<HashSet<string>> ListAsync(Broker broker)
    {
        const string VirtualHost = ConnectionOptions.DefaultVirtualHost;
        IBrokerManagement management = broker.Management;
        return
        [
            .. (await management.ListQueuesAsync(VirtualHost)).Select(static queue => "queue:" + queue.Name).Where(IsPicked),
            .. (await management.ListExchangesAsync(VirtualHost)).Select(static exchange => "exchange:" + exchange.Name).Where(IsPicked),
            .. (await management.ListBindingsAsync(VirtualHost)).Where(static binding => binding.Source == CampaignSetup.Topo).Select(static binding => "binding:" + binding.RoutingKey),
            .. (await management.ListPoliciesAsync(VirtualHost)).Select(static policy => "policy:" + policy.Name),
            .. (await management.ListVirtualHostsAsync()).Where(static host => host != VirtualHost).Select(static host => "vhost:" + host),
        ];
    }

    private static bool IsPicked(string name) => name[^2] == 't' && char.IsAsciiDigit(name[^1]);
}
