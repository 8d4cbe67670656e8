namespace EmbeddedMq;

/// <summary>Exchanges, queues, bindings and policies that an application declares at start, in this order: policies, exchanges, queues, bindings.</summary>
/// <remarks>Declared again on a new connection after one was lost. Not thread-safe.</remarks>
public interface ITopologyBuilder
{
    /// <summary>Declares an exchange.</summary>
    /// <param name="name">Its name: 1 to 255 bytes of UTF-8, not beginning with <c>amq.</c>.</param>
    /// <param name="type">One of <see cref="ExchangeType"/>.</param>
    /// <param name="configure">Changes the declaration, for example <c>e => e.Durable()</c>.</param>
    ITopologyBuilder Exchange(string name, string type, Func<ExchangeDeclaration, ExchangeDeclaration>? configure = null);

    /// <summary>Declares a queue.</summary>
    /// <param name="name">Its name: 1 to 255 bytes of UTF-8, not beginning with <c>amq.</c>.</param>
    /// <param name="configure">Changes the declaration, for example <c>q => q.Durable()</c>.</param>
    ITopologyBuilder Queue(string name, Func<QueueDeclaration, QueueDeclaration>? configure = null);

    /// <summary>Binds a queue to an exchange.</summary>
    /// <param name="queue">The queue that receives.</param>
    /// <param name="exchange">The exchange that routes.</param>
    /// <param name="routingKey">Binding key; its meaning is the exchange type's.</param>
    /// <param name="arguments">Arguments, for example of a headers exchange.</param>
    ITopologyBuilder Bind(string queue, string exchange, string routingKey = "", HeaderTable? arguments = null);

    /// <summary>Binds an exchange to another.</summary>
    /// <param name="destination">The exchange that receives.</param>
    /// <param name="source">The exchange that routes.</param>
    /// <param name="routingKey">Binding key; its meaning is the source's type's.</param>
    /// <param name="arguments">Arguments, for example of a headers exchange.</param>
    ITopologyBuilder BindExchange(string destination, string source, string routingKey = "", HeaderTable? arguments = null);

    /// <summary>Sets a policy, or replaces the one of that name.</summary>
    /// <param name="policy">The policy.</param>
    ITopologyBuilder Policy(Policy policy);
}
