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
}
