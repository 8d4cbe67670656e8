namespace EmbeddedMq.Queues;

/// <summary>What a queue did with a publish.</summary>
internal enum EnqueueOutcome
{
    /// <summary>It has the message, or has dealt with it by its stated policy.</summary>
    Accepted,

    /// <summary>It is full and refused it.</summary>
    Rejected,

    /// <summary>It is full and keeps it waiting outside; the publish is pending.</summary>
    Waiting,

    /// <summary>It has been deleted meanwhile; AMQP counts that as taken.</summary>
    Gone,
}
