namespace EmbeddedMq;

/// <summary>How a message is published.</summary>
[Flags]
public enum PublishFlags
{
    /// <summary>A message that no queue takes is confirmed all the same, as AMQP has it.</summary>
    None = 0,

    /// <summary>A message that no queue takes comes back to the publisher.</summary>
    Mandatory = 1,

    /// <summary>The message takes the place of a delivery that its publisher holds and acknowledges next: a copy for a retry, for example.
    /// The embedded broker does not make it wait for memory, because that waiting could be for the delivery itself. Other engines ignore it.</summary>
    InPlaceOfDelivery = 2,

    /// <summary>The confirm of a persistent message waits for <see cref="Durability.Synced"/>, whatever the broker's own level is. Engines that
    /// store elsewhere keep to their own rules and ignore this and the next two; of several the safest counts.</summary>
    ConfirmSynced = 4,

    /// <summary>The confirm of a persistent message waits for <see cref="Durability.OsBuffered"/>, whatever the broker's own level is.</summary>
    ConfirmOsBuffered = 8,

    /// <summary>The confirm of a persistent message waits for <see cref="Durability.Memory"/> only: the message is stored, but nobody waits for that.</summary>
    ConfirmInMemory = 16,
}
