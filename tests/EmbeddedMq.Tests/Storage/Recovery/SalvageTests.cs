using System.Text;
using EmbeddedMq.TestSupport;

namespace EmbeddedMq.Tests.Storage.Recovery;

public sealed class SalvageTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task DelayedExchange_WhoseDeclarationIsDamaged_LeavesItsMessagesForGood()
    {
        bool salvages = false;
        await using StoredBroker stored = await StoredBroker.StartAsync(options => options.Storage.Salvage = salvages);
        IChannel channel = await stored.OpenChannelAsync();
        await channel.DeclareExchangeAsync(
            "forgotten", ExchangeType.Delayed, static e => e.Durable().WithArgument("x-delayed-type", ExchangeType.Fanout), Token);
        await channel.DeclareExchangeAsync("entry", ExchangeType.Fanout, static e => e.Durable(), Token); // so that the message does not name it
        await channel.BindExchangeAsync("forgotten", "entry", "", cancellationToken: Token);
        await channel.PublishAsync("entry", "", Message.Text("m", MessageProperties.Persistent.WithHeader("x-delay", 60_000)), cancellationToken: Token);
        await stored.StopAsync();
        Damage(stored.Directory, "forgotten");

        salvages = true;
        await stored.StartAgainAsync();
        QueueDescription salvaged = Assert.Single(await stored.Broker.Management.ListQueuesAsync("/", Token));
        Assert.StartsWith("salvaged-", salvaged.Name, StringComparison.Ordinal);
        stored.Time.Advance(TimeSpan.FromHours(1));
        salvages = false;
        await stored.RestartAsync();
        stored.Time.Advance(TimeSpan.FromHours(1));

        channel = await stored.OpenChannelAsync();
        Assert.Equal("m", (await channel.GetAsync(salvaged.Name, cancellationToken: Token))?.Delivery.Message.GetText());
    }

    private static void Damage(string directory, string text)
    {
        int found = 0;
        foreach (string path in Directory.EnumerateFiles(directory, "*", SearchOption.AllDirectories))
        {
            byte[] bytes = File.ReadAllBytes(path);
            for (int at = 0; bytes.AsSpan(at).IndexOf(Encoding.UTF8.GetBytes(text)) is var next and >= 0; at += next + 1, found++)
            {
                bytes[at + next] ^= 1;
            }

            File.WriteAllBytes(path, bytes);
        }

        Assert.True(found > 0, $"'{text}' is in no file.");
    }
}
