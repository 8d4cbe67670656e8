namespace EmbeddedMq.Compliance.Embedded;

// One line a suite, so one file for all of them: a suite missing here is found by CoverageTests.

public sealed class EmbeddedAcknowledgeCompliance() : AcknowledgeCompliance(new EmbeddedEngine());

public sealed class EmbeddedAcknowledgementTimeoutCompliance() : AcknowledgementTimeoutCompliance(new EmbeddedEngine());

public sealed class EmbeddedAlternateExchangeCompliance() : AlternateExchangeCompliance(new EmbeddedEngine());

public sealed class EmbeddedBindingCompliance() : BindingCompliance(new EmbeddedEngine());

public sealed class EmbeddedBlockPublisherCompliance() : BlockPublisherCompliance(new EmbeddedEngine());

public sealed class EmbeddedConfirmCompliance() : ConfirmCompliance(new EmbeddedEngine());

public sealed class EmbeddedConnectionCompliance() : ConnectionCompliance(new EmbeddedEngine());

public sealed class EmbeddedConsistentHashCompliance() : ConsistentHashCompliance(new EmbeddedEngine());

public sealed class EmbeddedConsumeCompliance() : ConsumeCompliance(new EmbeddedEngine());

public sealed class EmbeddedDeadLetterCompliance() : DeadLetterCompliance(new EmbeddedEngine());

public sealed class EmbeddedDeathHistoryCompliance() : DeathHistoryCompliance(new EmbeddedEngine());

public sealed class EmbeddedDefinitionsCompliance() : DefinitionsCompliance(new EmbeddedEngine());

public sealed class EmbeddedDelayedExchangeCompliance() : DelayedExchangeCompliance(new EmbeddedEngine());

public sealed class EmbeddedDeliveryLimitCompliance() : DeliveryLimitCompliance(new EmbeddedEngine());

public sealed class EmbeddedDirectReplyToCompliance() : DirectReplyToCompliance(new EmbeddedEngine());

public sealed class EmbeddedDispatchCompliance() : DispatchCompliance(new EmbeddedEngine());

public sealed class EmbeddedExchangeDeclareCompliance() : ExchangeDeclareCompliance(new EmbeddedEngine());

public sealed class EmbeddedExchangeRoutingCompliance() : ExchangeRoutingCompliance(new EmbeddedEngine());

public sealed class EmbeddedExclusiveQueueCompliance() : ExclusiveQueueCompliance(new EmbeddedEngine());

public sealed class EmbeddedFlowControlCompliance() : FlowControlCompliance(new EmbeddedEngine());

public sealed class EmbeddedHeadersCompliance() : HeadersCompliance(new EmbeddedEngine());

public sealed class EmbeddedLengthLimitCompliance() : LengthLimitCompliance(new EmbeddedEngine());

public sealed class EmbeddedLimitsCompliance() : LimitsCompliance(new EmbeddedEngine());

public sealed class EmbeddedManagementCompliance() : ManagementCompliance(new EmbeddedEngine());

public sealed class EmbeddedOrderingCompliance() : OrderingCompliance(new EmbeddedEngine());

public sealed class EmbeddedPolicyCompliance() : PolicyCompliance(new EmbeddedEngine());

public sealed class EmbeddedPrefetchCompliance() : PrefetchCompliance(new EmbeddedEngine());

public sealed class EmbeddedPriorityCompliance() : PriorityCompliance(new EmbeddedEngine());

public sealed class EmbeddedPublishCompliance() : PublishCompliance(new EmbeddedEngine());

public sealed class EmbeddedQueueArgumentCompliance() : QueueArgumentCompliance(new EmbeddedEngine());

public sealed class EmbeddedQueueDeclareCompliance() : QueueDeclareCompliance(new EmbeddedEngine());

public sealed class EmbeddedQueueDeleteCompliance() : QueueDeleteCompliance(new EmbeddedEngine());

public sealed class EmbeddedQueueExpiryCompliance() : QueueExpiryCompliance(new EmbeddedEngine());

public sealed class EmbeddedQuorumQueueCompliance() : QuorumQueueCompliance(new EmbeddedEngine());

public sealed class EmbeddedRandomExchangeCompliance() : RandomExchangeCompliance(new EmbeddedEngine());

public sealed class EmbeddedSingleActiveConsumerCompliance() : SingleActiveConsumerCompliance(new EmbeddedEngine());

public sealed class EmbeddedTopicCompliance() : TopicCompliance(new EmbeddedEngine());

public sealed class EmbeddedTransactionCompliance() : TransactionCompliance(new EmbeddedEngine());

public sealed class EmbeddedTtlCompliance() : TtlCompliance(new EmbeddedEngine());

public sealed class EmbeddedVirtualHostCompliance() : VirtualHostCompliance(new EmbeddedEngine());
