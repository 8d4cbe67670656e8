namespace EmbeddedMq.Model.Tests.Model;

/// <summary>Deliberate mistakes in the model, each of a kind that real brokers have made: a comparison that lets one pass proves nothing.</summary>
internal enum ModelFlaw
{
    None,

    /// <summary>A requeued message goes to the end of its queue.</summary>
    RequeueGoesToTheEnd,

    /// <summary>A requeued message is delivered again without its flag.</summary>
    RedeliveredIsForgotten,

    /// <summary>Prefetch counts one delivery too many.</summary>
    PrefetchIsOneTooHigh,

    /// <summary>The same consumer is served until its prefetch is full.</summary>
    NoTurns,

    /// <summary>A full queue drops the newest instead of the oldest.</summary>
    DropTail,

    /// <summary>A message that expired behind the head leaves before it gets there.</summary>
    ExpiresBehindTheHead,

    /// <summary>A message that dies by itself is sent to a queue where it died before.</summary>
    CyclesAreNotCut,

    /// <summary>A message may fail one delivery fewer than the limit says.</summary>
    DeliveryLimitIsOneTooLow,

    /// <summary>An ack for several also takes the next one.</summary>
    MultipleTakesOneMore,

    /// <summary>A star in a topic key matches no word, too.</summary>
    StarMatchesNothing,

    /// <summary>A queue that two bindings match gets two copies.</summary>
    OneCopyPerBinding,

    /// <summary>A dead-lettered message keeps its expiration.</summary>
    ExpirationSurvivesDeath,
}
