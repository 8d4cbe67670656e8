using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using EmbeddedMq.TestSupport;

namespace EmbeddedMq.Compliance.Restart;

/// <summary>Two brokers that live through the same; one of them is stopped and started where the other only loses its connections. What can be
/// seen of them must be the same then.</summary>
public sealed class TwinBrokers : IAsyncDisposable
{
    private readonly StoredBroker[] _brokers;
    private DateTimeOffset _stoppedAt = DateTimeOffset.MaxValue; // the first time

    private TwinBrokers(StoredBroker steady, StoredBroker restarted) => _brokers = [steady, restarted];

    /// <summary>Starts both.</summary>
    /// <param name="configure">Changes their options.</param>
    public static async Task<TwinBrokers> StartAsync(Action<BrokerOptions>? configure = null)
    {
        void Configure(BrokerOptions options)
        {
            options.Storage.Durability = Durability.OsBuffered;
            configure?.Invoke(options);
        }

        return new TwinBrokers(await StoredBroker.StartAsync(Configure), await StoredBroker.StartAsync(Configure));
    }

    /// <summary>Does the same on both.</summary>
    /// <param name="act">What; the channel confirms.</param>
    /// <param name="mode">The mode of the channel.</param>
    public async Task DoAsync(Func<StoredBroker, IChannel, Task> act, ChannelMode mode = ChannelMode.Confirm)
    {
        foreach (StoredBroker broker in _brokers)
        {
            await act(broker, await broker.OpenChannelAsync(mode));
        }
    }

    /// <summary>Does the same on both, and both answer the same.</summary>
    /// <param name="look">Looks.</param>
    /// <param name="circumstances">For the reader of a failure.</param>
    public async Task SameAsync(Func<StoredBroker, IChannel, Task<string>> look, string circumstances = "")
    {
        List<string> seen = [];
        await DoAsync(async (broker, channel) => seen.Add(await look(broker, channel)));
        Assert.True(seen[0] == seen[1], $"{circumstances}\n--- without a restart:\n{seen[0]}\n--- with one:\n{seen[1]}");
    }

    /// <summary>Lets time pass for both.</summary>
    /// <param name="time">How much.</param>
    public void Advance(TimeSpan time)
    {
        foreach (StoredBroker broker in _brokers)
        {
            broker.Time.Advance(time);
        }
    }

    /// <summary>Stops and starts one while the other loses its connections.</summary>
    /// <param name="meanwhile">How long it is stopped.</param>
    public async Task RestartAsync(TimeSpan meanwhile = default)
    {
        DateTimeOffset now = _brokers[1].Time.GetUtcNow();
        _stoppedAt = now < _stoppedAt ? now : _stoppedAt;
        await _brokers[0].DisconnectAsync();
        await _brokers[1].StopAsync();
        Advance(meanwhile);
        await _brokers[1].StartAgainAsync();
        Advance(TimeSpan.FromMilliseconds(1)); // what is due already comes with the next tick of the clock
    }

    /// <summary>What can be seen of everything durable: first the listings, then the messages of all queues, which are taken out, then those that
    /// come when time passes.</summary>
    /// <param name="circumstances">For the reader of a failure.</param>
    /// <param name="unordered">Queues whose messages may be in any order. They are taken out last: what expires in others may still come.</param>
    public async Task SameStateAsync(string circumstances = "", params string[] unordered)
    {
        await SameAsync(async (broker, _) => await ListAsync(broker.Broker.Management), circumstances);
        foreach (int ms in (int[])[0, 5_000, 60_000, 3_600_000])
        {
            Advance(TimeSpan.FromMilliseconds(ms));
            await SameAsync((broker, _) => DrainAsync(broker.Broker, unordered), $"{circumstances} {ms} ms later");
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        foreach (StoredBroker broker in _brokers)
        {
            await broker.DisposeAsync();
        }
    }

    private async Task<string> ListAsync(IBrokerManagement management)
    {
        List<string> lines = [];
        foreach (string host in await management.ListVirtualHostsAsync())
        {
            lines.Add($"virtual host {host}");
            lines.AddRange((await management.ListPoliciesAsync(host)).Select(policy => $"{host} {policy with { Definition = HeaderTable.Empty }} {Render(policy.Definition)}"));
            IReadOnlyList<ExchangeDescription> exchanges = await management.ListExchangesAsync(host);
            HashSet<string> durable = [.. exchanges.Where(static exchange => exchange.Declaration.IsDurable).Select(static exchange => "x:" + exchange.Name)];
            lines.AddRange(exchanges.Where(exchange => exchange.Declaration.IsDurable).Select(exchange => $"{host} {exchange.Declaration with { Arguments = HeaderTable.Empty }} {Render(exchange.Declaration.Arguments)} {exchange.Policy}"));
            foreach (QueueDescription queue in (await management.ListQueuesAsync(host)).Where(static queue => queue.Declaration is { IsDurable: true, IsExclusive: false }))
            {
                durable.Add("q:" + queue.Name);
                lines.Add($"{host} {queue.Declaration with { Arguments = HeaderTable.Empty }} {Render(queue.Declaration.Arguments)} {queue.Policy} {queue.ConsumerCount} consumers");
            }

            lines.AddRange((await management.ListBindingsAsync(host))
                .Where(binding => durable.Contains("x:" + binding.Source))
                .Where(binding => durable.Contains((binding.DestinationKind == DestinationKind.Queue ? "q:" : "x:") + binding.Destination))
                .Select(binding => $"{host} {binding with { Arguments = HeaderTable.Empty }} {Render(binding.Arguments)}"));
        }

        lines.Sort(StringComparer.Ordinal);
        return string.Join('\n', lines);
    }

    private async Task<string> DrainAsync(Broker broker, string[] unordered)
    {
        List<string> all = [];
        foreach (string host in await broker.Management.ListVirtualHostsAsync())
        {
            await using IConnection connection = await broker.ConnectAsync(new ConnectionOptions { VirtualHost = host });
            IChannel channel = await connection.OpenChannelAsync();
            foreach (QueueDescription queue in (await broker.Management.ListQueuesAsync(host))
                .Where(static queue => queue.Declaration is { IsDurable: true, IsExclusive: false })
                .OrderBy(queue => unordered.Contains(queue.Name)))
            {
                List<string> lines = [];
                while (await channel.GetAsync(queue.Name, autoAck: true) is { } got)
                {
                    if (got.Delivery.Properties.IsPersistent)
                    {
                        lines.Add($"{host} {queue.Name}: {Describe(got.Delivery)}");
                    }
                }

                all.AddRange(unordered.Contains(queue.Name) ? lines.Order(StringComparer.Ordinal) : lines);
            }
        }

        return string.Join('\n', all);
    }

    private string Describe(Delivery delivery)
        => $"{Encoding.UTF8.GetString(delivery.Body.Span[..Math.Min(40, delivery.Body.Length)])} ({delivery.Body.Length} bytes, {Convert.ToHexString(SHA256.HashData(delivery.Body.Span))[..8]})"
            + $" {(delivery.Redelivered ? "redelivered" : "new")} count {delivery.DeliveryCount} from '{delivery.Exchange}' by '{delivery.RoutingKey}'"
            + $" {delivery.Properties with { Headers = HeaderTable.Empty }} {Render(delivery.Properties.Headers)}";

    // With the type of each value: an integer of another width is another header. What expires while one of them is stopped dies there once it has been
    // started, which may be the next time; so the times of deaths may differ from then on.
    private string Render(object? value) => value switch
    {
        null => "null",
        HeaderTable table => $"{{{string.Join(", ", table.OrderBy(static pair => pair.Key, StringComparer.Ordinal).Select(pair => $"{pair.Key}={Render(pair.Value)}"))}}}",
        byte[] bytes => $"bytes {Convert.ToHexString(bytes)}",
        ReadOnlyMemory<byte> bytes => $"bytes {Convert.ToHexString(bytes.Span)}",
        string text => $"'{text}'",
        DateTimeOffset time when time >= _stoppedAt.AddSeconds(-1) => "later", // the header has whole seconds
        System.Collections.IEnumerable list => $"[{string.Join(", ", list.Cast<object?>().Select(Render))}]",
        _ => string.Create(CultureInfo.InvariantCulture, $"{value.GetType().Name} {value}"),
    };
}
