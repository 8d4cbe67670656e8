using EmbeddedMq.RabbitMq.Connections;
using EmbeddedMq.RabbitMq.Errors;
using EmbeddedMq.RabbitMq.Wire;
using Client = RabbitMQ.Client;

namespace EmbeddedMq.RabbitMq.Channels;

/// <content>Exchanges, queues, bindings. What succeeds is noted, so that it can be declared again after a loss.</content>
internal sealed partial class RabbitChannel
{
    private volatile LastQueue? _lastQueue;

    private TopologyRecord Topology => _connection.Topology;

    /// <inheritdoc/>
    public ValueTask DeclareExchangeAsync(ExchangeDeclaration declaration, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(declaration);
        return CallAsync(
            async link =>
            {
                if (declaration.IsInternal)
                {
                    await DeclareInternalExchangeAsync(link, declaration).ConfigureAwait(false);
                }
                else
                {
                    await TopologyRecord.DeclareAsync(link.Wire, declaration, CancellationToken.None).ConfigureAwait(false);
                }

                Topology.Add(declaration);
            },
            cancellationToken);
    }

    /// <inheritdoc/>
    public ValueTask DeclareExchangePassiveAsync(string exchange, CancellationToken cancellationToken = default)
        => CallAsync(link => link.Wire.ExchangeDeclarePassiveAsync(exchange), cancellationToken);

    /// <inheritdoc/>
    public ValueTask DeleteExchangeAsync(string exchange, bool ifUnused = false, CancellationToken cancellationToken = default)
        => CallAsync(
            async link =>
            {
                await link.Wire.ExchangeDeleteAsync(exchange, ifUnused).ConfigureAwait(false);
                Topology.RemoveExchange(exchange);
            },
            cancellationToken);

    /// <inheritdoc/>
    public ValueTask BindExchangeAsync(string destination, string source, string routingKey, HeaderTable? arguments = null, CancellationToken cancellationToken = default)
        => CallAsync(
            async link =>
            {
                await link.Wire.ExchangeBindAsync(destination, source, routingKey, WireTable.ToWire(arguments)).ConfigureAwait(false);
                Topology.Add(new BindingDescription(source, destination, DestinationKind.Exchange, routingKey, arguments ?? HeaderTable.Empty));
            },
            cancellationToken);

    /// <inheritdoc/>
    public ValueTask UnbindExchangeAsync(string destination, string source, string routingKey, HeaderTable? arguments = null, CancellationToken cancellationToken = default)
        => CallAsync(
            async link =>
            {
                await link.Wire.ExchangeUnbindAsync(destination, source, routingKey, WireTable.ToWire(arguments)).ConfigureAwait(false);
                Topology.Remove(new BindingDescription(source, destination, DestinationKind.Exchange, routingKey, arguments ?? HeaderTable.Empty));
            },
            cancellationToken);

    /// <inheritdoc/>
    public ValueTask<QueueDeclared> DeclareQueueAsync(QueueDeclaration declaration, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(declaration);
        if (declaration.Arguments.GetValueOrDefault(QueueArgument.Overflow) is "block-publisher")
        {
            throw RabbitMqErrors.NotSupported(
                "A queue that makes its publishers wait for room (overflow block-publisher)",
                "Use Overflow.RejectPublish: a publish to the full queue is rejected, and the publisher tries again later.");
        }

        return CallAsync(
            async link =>
            {
                Client.QueueDeclareOk declared = await TopologyRecord.DeclareAsync(link.Wire, declaration, CancellationToken.None).ConfigureAwait(false);
                Topology.Add(declaration, declared.QueueName);
                return Declared(link, declared);
            },
            cancellationToken);
    }

    /// <inheritdoc/>
    public ValueTask<QueueDeclared> DeclareQueuePassiveAsync(string queue, CancellationToken cancellationToken = default)
        => CallAsync(async link => Declared(link, await link.Wire.QueueDeclarePassiveAsync(WireName(link, queue)).ConfigureAwait(false)), cancellationToken);

    /// <inheritdoc/>
    public ValueTask<uint> DeleteQueueAsync(string queue, bool ifUnused = false, bool ifEmpty = false, CancellationToken cancellationToken = default)
        => CallAsync(
            async link =>
            {
                uint count = await link.Wire.QueueDeleteAsync(WireName(link, queue), ifUnused, ifEmpty).ConfigureAwait(false);
                Topology.RemoveQueue(NameOf(queue));
                return count;
            },
            cancellationToken);

    /// <inheritdoc/>
    public ValueTask<uint> PurgeQueueAsync(string queue, CancellationToken cancellationToken = default)
        => CallAsync(link => link.Wire.QueuePurgeAsync(WireName(link, queue)), cancellationToken);

    /// <inheritdoc/>
    public ValueTask BindQueueAsync(string queue, string exchange, string routingKey, HeaderTable? arguments = null, CancellationToken cancellationToken = default)
        => CallAsync(
            async link =>
            {
                await link.Wire.QueueBindAsync(WireName(link, queue), exchange, routingKey, WireTable.ToWire(arguments)).ConfigureAwait(false);
                Topology.Add(Binding(queue, exchange, routingKey, arguments));
            },
            cancellationToken);

    /// <inheritdoc/>
    public ValueTask UnbindQueueAsync(string queue, string exchange, string routingKey, HeaderTable? arguments = null, CancellationToken cancellationToken = default)
        => CallAsync(
            async link =>
            {
                await link.Wire.QueueUnbindAsync(WireName(link, queue), exchange, routingKey, WireTable.ToWire(arguments)).ConfigureAwait(false);
                Topology.Remove(Binding(queue, exchange, routingKey, arguments));
            },
            cancellationToken);

    // The HTTP API refuses with the texts of AMQP; here, too, a refusal closes the channel.
    private async ValueTask DeclareInternalExchangeAsync(ChannelLink link, ExchangeDeclaration declaration)
    {
        try
        {
            await _connection.DeclareInternalExchangeAsync(declaration, CancellationToken.None).ConfigureAwait(false);
        }
        catch (EmbeddedMqException error) when (!error.IsTransient)
        {
            throw await CloseBecauseAsync(link, error.ReplyCode, error.ReplyText).ConfigureAwait(false);
        }
    }

    // The server knows the queue last declared on the wire channel; after a recovery only we do.
    private string WireName(ChannelLink link, string queue)
    {
        ArgumentNullException.ThrowIfNull(queue);
        return queue.Length > 0
            ? Topology.CurrentName(queue)
            : _lastQueue is { } last && last.Link != link ? Topology.CurrentName(last.Name) : "";
    }

    private string NameOf(string queue) => queue.Length > 0 ? queue : _lastQueue?.Name ?? "";

    // The server binds the last queue by its own name when neither queue nor key is given.
    private BindingDescription Binding(string queue, string exchange, string routingKey, HeaderTable? arguments)
        => new(exchange, NameOf(queue), DestinationKind.Queue, queue.Length == 0 && routingKey.Length == 0 ? NameOf(queue) : routingKey, arguments ?? HeaderTable.Empty);

    private QueueDeclared Declared(ChannelLink link, Client.QueueDeclareOk declared)
    {
        _lastQueue = new LastQueue(declared.QueueName, link);
        return new QueueDeclared(declared.QueueName, declared.MessageCount, declared.ConsumerCount);
    }

    private sealed record LastQueue(string Name, ChannelLink Link);
}
