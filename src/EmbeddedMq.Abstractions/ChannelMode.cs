namespace EmbeddedMq;

/// <summary>What a channel promises about its publishes.</summary>
/// <remarks>Source: RabbitMQ publisher confirms; AMQP 0-9-1 class tx. A channel is never both.</remarks>
public enum ChannelMode
{
    /// <summary>Neither confirms nor transactions: a refusal by a full queue is not told to the publisher. What a wire protocol starts with.</summary>
    Plain,

    /// <summary>Every publish is confirmed, returned or rejected.</summary>
    Confirm,

    /// <summary>Publishes and settlements are held until the transaction commits.</summary>
    Transactional,
}
