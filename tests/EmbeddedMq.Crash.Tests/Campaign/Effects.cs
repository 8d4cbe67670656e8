using System.Collections.Concurrent;
using System.Globalization;
using EmbeddedMq.Channels;
using EmbeddedMq.Storage.Records;

namespace EmbeddedMq.Crash.Tests.Campaign;

/// <summary>An idempotent consumer of a process that is killed, and a publisher that sends the same messages again and again, those of earlier processes too.</summary>
/// <remarks>
/// <para>The effect of a message is one message in <see cref="Target"/>: acknowledgement, effect and receipt are one commit. It says:</para>
/// <list type="table">
/// <item><c>e id</c>: a copy of the message is confirmed</item>
/// <item><c>M id</c>: its commit has returned</item>
/// </list>
/// </remarks>
/// <param name="broker">The broker.</param>
/// <param name="life">How many processes there were before.</param>
/// <param name="say">Tells whoever kills this process.</param>
internal sealed class Effects(Broker broker, int life, Action<string> say)
{
    /// <summary>Where the messages come from.</summary>
    public const string Source = "orders";

    /// <summary>Where the effects go.</summary>
    public const string Target = "effects";

    private const int Publisher = 40;
    private const int Prefetch = 20;

    private readonly ConcurrentDictionary<string, byte> _busy = new();

    /// <summary>What a message is known by.</summary>
    public static UInt128 KeyOf(string id) => ReceiptKey.Of("effects", id);

    /// <summary>Publishes a few messages, some of them once more.</summary>
    public async Task PublishAsync(IChannel channel, Random random)
    {
        List<(string Id, Task<PublishResult> Result)> batch = [];
        for (int i = random.Next(1, 12); i > 0; i--)
        {
            // The numbers of earlier processes are guessed: one that they have not used is new.
            string id = string.Create(CultureInfo.InvariantCulture, $"{(random.Next(4) == 0 ? random.Next(1, life + 1) : life)}.{Publisher}.{random.Next(1, 2_000)}");
            batch.Add((id, channel.TryPublishAsync("", Source, new Message(Bodies.Make(id), MessageProperties.Persistent)).AsTask()));
        }

        foreach ((string id, Task<PublishResult> result) in batch)
        {
            if ((await result).IsConfirmed)
            {
                say($"e {id}");
            }
        }
    }

    /// <summary>Deals with messages, several at once, until the channel closes.</summary>
    public async Task ConsumeAsync(Channel channel, Random random)
    {
        await channel.SetPrefetchAsync(Prefetch);
        await foreach (Delivery delivery in channel.ConsumeAsync(Source))
        {
            string id = Bodies.Read(delivery.Body.Span);
            if (random.Next(8) == 0 || !_busy.TryAdd(id, 0))
            {
                await channel.NackAsync(delivery.DeliveryTag); // failed, or another copy is being dealt with
            }
            else if (broker.Store.Receipts.TryFind(KeyOf(id), out _))
            {
                _busy.TryRemove(id, out _);
                await channel.AckAsync(delivery.DeliveryTag);
            }
            else
            {
                _ = CommitAsync(channel, delivery.DeliveryTag, id, random.Next()); // the lines tell what becomes of it
            }
        }
    }

    private async Task CommitAsync(Channel channel, ulong deliveryTag, string id, int fingerprint)
    {
        try
        {
            OutboxMessage effect = new() { Id = id, Exchange = "", RoutingKey = Target, Message = new Message(Bodies.Make(id), MessageProperties.Persistent) };
            await channel.CommitAsync(new[] { deliveryTag }, [effect], [new Receipt(KeyOf(id), (UInt128)fingerprint, 1, 1_900_000_000_000)]);
            say($"M {id}");
        }
        catch (Exception error) when (error is EmbeddedMqException or ObjectDisposedException)
        {
            // The broker stops. Nothing has happened, or a restart finds all of it.
        }
        finally
        {
            _busy.TryRemove(id, out _);
        }
    }
}
