using EmbeddedMq.Errors;
using EmbeddedMq.Queues;

namespace EmbeddedMq.Channels;

/// <content>Declaring, binding, deleting: names are checked here, the virtual host does the rest.</content>
internal sealed partial class Channel
{
    /// <inheritdoc/>
    public ValueTask DeclareExchangeAsync(ExchangeDeclaration declaration, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(declaration);
        return Run(
            () =>
            {
                string name = CleanName("exchange name", declaration.Name);
                MessageCheck.CheckArguments($"exchange '{name}'", declaration.Arguments);
                _virtualHost.DeclareExchange(declaration with { Name = name });
            },
            cancellationToken);
    }

    /// <inheritdoc/>
    public ValueTask DeclareExchangePassiveAsync(string exchange, CancellationToken cancellationToken = default)
        => Run(() => _virtualHost.DeclareExchangePassive(CleanName("exchange name", exchange)), cancellationToken);

    /// <inheritdoc/>
    public ValueTask DeleteExchangeAsync(string exchange, bool ifUnused = false, CancellationToken cancellationToken = default)
        => Run(() => _virtualHost.DeleteExchange(CleanName("exchange name", exchange), ifUnused), cancellationToken);

    /// <inheritdoc/>
    public ValueTask BindExchangeAsync(string destination, string source, string routingKey, HeaderTable? arguments = null, CancellationToken cancellationToken = default)
        => Run(
            () => _virtualHost.BindExchange(
                CleanName("exchange name", destination), CleanName("exchange name", source), CheckKey(routingKey), CheckBinding(arguments)),
            cancellationToken);

    /// <inheritdoc/>
    public ValueTask UnbindExchangeAsync(string destination, string source, string routingKey, HeaderTable? arguments = null, CancellationToken cancellationToken = default)
        => Run(
            () => _virtualHost.UnbindExchange(
                CleanName("exchange name", destination), CleanName("exchange name", source), CheckKey(routingKey), arguments ?? HeaderTable.Empty),
            cancellationToken);

    /// <inheritdoc/>
    public ValueTask<QueueDeclared> DeclareQueueAsync(QueueDeclaration declaration, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(declaration);
        return Run(
            () =>
            {
                string name = CleanName("queue name", declaration.Name);
                MessageCheck.CheckArguments($"queue '{name}'", declaration.Arguments);
                return DeclareQueue(declaration with { Name = name });
            },
            cancellationToken);
    }

    /// <inheritdoc/>
    public ValueTask<QueueDeclared> DeclareQueuePassiveAsync(string queue, CancellationToken cancellationToken = default)
        => Run(() => DeclareQueuePassive(CleanName("queue name", queue)), cancellationToken);

    /// <inheritdoc/>
    public ValueTask<uint> DeleteQueueAsync(string queue, bool ifUnused = false, bool ifEmpty = false, CancellationToken cancellationToken = default)
        => Run(() => _virtualHost.DeleteQueue(QueueOrLast(queue), ifUnused, ifEmpty, _connection), cancellationToken);

    /// <inheritdoc/>
    public ValueTask<uint> PurgeQueueAsync(string queue, CancellationToken cancellationToken = default)
        => Run(() => _virtualHost.GetQueue(QueueOrLast(queue), _connection).Purge(), cancellationToken);

    /// <inheritdoc/>
    public ValueTask BindQueueAsync(string queue, string exchange, string routingKey, HeaderTable? arguments = null, CancellationToken cancellationToken = default)
        => Run(
            () =>
            {
                string name = QueueOrLast(queue);
                _virtualHost.BindQueue(name, CleanName("exchange name", exchange), KeyOrQueue(queue, name, routingKey), CheckBinding(arguments), _connection);
            },
            cancellationToken);

    /// <inheritdoc/>
    public ValueTask UnbindQueueAsync(string queue, string exchange, string routingKey, HeaderTable? arguments = null, CancellationToken cancellationToken = default)
        => Run(
            () =>
            {
                string name = QueueOrLast(queue);
                _virtualHost.UnbindQueue(name, CleanName("exchange name", exchange), KeyOrQueue(queue, name, routingKey), arguments ?? HeaderTable.Empty, _connection);
            },
            cancellationToken);

    private QueueDeclared DeclareQueue(QueueDeclaration declaration)
    {
        if (IsReplyName(declaration.Name))
        {
            return DeclareReplyQueue(declaration.Name);
        }

        Queue queue = _virtualHost.DeclareQueue(declaration, _connection);
        _lastDeclaredQueue = queue.Name;

        // A connection that closed meanwhile has deleted its exclusive queues already, and would leave this one behind.
        if (queue.ExclusiveOwner is not null && !_connection.IsOpen)
        {
            _virtualHost.DeleteQueue(queue);
            ThrowIfClosed();
        }

        return queue.Counts(touch: true);
    }

    private QueueDeclared DeclareQueuePassive(string name)
    {
        if (IsReplyName(name))
        {
            return DeclareReplyQueue(name);
        }

        Queue queue = _virtualHost.GetQueue(name, _connection);
        _lastDeclaredQueue = queue.Name;
        return queue.Counts(touch: true);
    }

    private static bool IsReplyName(string name)
        => name == ReplyQueue.PseudoName || name.StartsWith(ReplyQueue.Prefix, StringComparison.Ordinal);

    // The pseudo-queue exists while somebody waits for replies: nothing in it, one consumer.
    private QueueDeclared DeclareReplyQueue(string name)
        => (name == ReplyQueue.PseudoName ? _replyQueue is not null : _virtualHost.HasReplyQueue(name))
            ? new QueueDeclared(name, 0, 1)
            : throw MqErrors.QueueNotFound(_virtualHost.Name, name);

    private string QueueOrLast(string queue)
    {
        string name = CleanName("queue name", queue);
        return name.Length > 0 ? name : _lastDeclaredQueue ?? throw MqErrors.NoPreviouslyDeclaredQueue();
    }

    // With both left empty the key is the queue's name. Source: AMQP 0-9-1 queue.bind.
    private string KeyOrQueue(string queue, string queueName, string routingKey)
        => queue.Length == 0 && CheckKey(routingKey).Length == 0 ? queueName : CheckKey(routingKey);

    private string CleanName(string kind, string name)
    {
        MessageCheck.CheckName(kind, name, Limits);
        return MessageCheck.StripLineBreaks(name);
    }

    private static HeaderTable CheckBinding(HeaderTable? arguments)
    {
        arguments ??= HeaderTable.Empty;
        MessageCheck.CheckArguments("binding", arguments);
        return arguments;
    }

    private string CheckKey(string routingKey)
    {
        MessageCheck.CheckName("routing key", routingKey, Limits);
        return routingKey;
    }
}
